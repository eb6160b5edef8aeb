"""Receives webhooks, and says of each whether `standardwebhooks`, the reference library, takes it for good.

    webhook_receiver.py [--secret whsec_…] [--answers 500,503,200] [--header 'Retry-After: 3']… [--delay SECONDS] [--port N]

The secret can also stand in WEBHOOK_SECRET. The first line of the output tells where it listens, each other one of a request:

{"url": "http://127.0.0.1:40123/"}
{"verified": true, "method": "POST", "path": "/",
 "headers": {"webhook-id": "msg_1", "webhook-timestamp": "1614265330", …},   all of them, in small letters
 "body": "{…}",                                                              as text
 "answered": 500}

Requests are answered with the statuses of --answers, one after the other, and then with the last of them again.
With --delay each answer comes that much later; with --header each has that header. `error` says why one is not verified.
"""

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


def arguments():
    parser = argparse.ArgumentParser(description="Receives webhooks, and verifies them.")
    parser.add_argument("--secret", default=os.environ.get("WEBHOOK_SECRET"))
    parser.add_argument("--answers", default="200", type=lambda text: [int(status) for status in text.split(",")])
    parser.add_argument("--header", default=[], action="append", type=lambda text: text.split(": ", 1))
    parser.add_argument("--delay", default=0.0, type=float)
    parser.add_argument("--port", default=0, type=int)
    given = parser.parse_args()
    if not given.secret:
        parser.error("needs --secret or WEBHOOK_SECRET")
    return given


def say(line):
    print(json.dumps(line, ensure_ascii=False), flush=True)


def fault(webhook, body, headers):
    """Why a request is not verified; nothing if it is."""
    try:
        webhook.verify(body, headers)
    except Exception as error:  # The library lets errors of base64, of `split` and of JSON through.
        return f"{type(error).__name__}: {error}"


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def receive(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        error = fault(self.server.webhook, body, headers)
        time.sleep(self.server.delay)
        with self.server.lock:
            answers = self.server.answers
            status = answers.pop(0) if len(answers) > 1 else answers[0]
            line = {"verified": error is None, "method": self.command, "path": self.path, "headers": headers}
            line |= {"body": body.decode(errors="replace"), "answered": status}
            say(line if error is None else line | {"error": error})
        self.send_response(status)
        for name, value in self.server.more:
            self.send_header(name, value)
        if status >= 200 and status not in (204, 304):
            self.send_header("content-length", "0")
        self.end_headers()

    # Others than POST are no webhooks; whoever sends them should see that in the output.
    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = receive

    def log_message(self, *_):
        pass


def main():
    given = arguments()
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Receiver)
    server.webhook = Webhook(given.secret)
    server.answers, server.more, server.delay = given.answers, given.header, given.delay
    server.lock = threading.Lock()
    say({"url": f"http://127.0.0.1:{server.server_port}/"})
    server.serve_forever()


if __name__ == "__main__":
    main()

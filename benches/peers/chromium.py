"""One warm headless Chromium with P tabs, driven over its DevTools protocol, from the HTML of the same documents.

Tried on 2 busy cores with 2 tabs, CPU a letter, and kept where it was fastest:
  - `chromium-headless-shell` instead of `chromium --headless`: 36 against 77 ms, and 0.8 GB instead of 1.3.
  - `--disable-threaded-compositing`: 34 to 22 ms, as a page that nobody sees is then hardly painted. After that
    these gain nothing: frames on demand (`enableBeginFrameControl`), tabs in the background, no scripts, the GPU
    process within the browser, windows of other sizes (very small ones double the time), hiding the page from the
    screen by CSS. `--single-process` halves the memory and costs throughput, since it has one thread for all tabs.
  - `Page.setDocumentContent` instead of a page in a file, 23 against 50 ms.
  - fonts by fontconfig, so that no document loads or checks a font file.

As `gotenberg-way` none of this: the whole browser, a new tab for each document, which opens it as a file, waits until it is loaded,
prints it and is closed. So does Gotenberg, whose browser is as warm.
"""

import asyncio
import base64
import html
import json
import os
import re
import subprocess
import time
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from common import Failure, Job, Tally, fontconfig, for_paper, peak_kib, print_css, report, scratch

PROGRAM = Path("/usr/bin/chromium-headless-shell")
WHOLE_BROWSER = Path("/usr/bin/chromium")
WHOLE_SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-threaded-compositing", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--no-first-run", "--mute-audio",
]  # fmt: skip
PRINT = {
    "generateTaggedPDF": True,
    "generateDocumentOutline": False,
    "preferCSSPageSize": True,
    "printBackground": True,
    "displayHeaderFooter": False,
}
WARM_UP = 8
PATIENCE = 60


class Browser:
    """Commands to the browser and to its tabs, over one connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.last = 0
        self.answers: dict[int, asyncio.Future] = {}
        self.loads: dict[str, asyncio.Event] = {}
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        """Hands every answer to who waits for it."""
        with suppress(WebSocketException):
            async for text in self.socket:
                message = json.loads(text)
                if future := self.answers.pop(message.get("id"), None):
                    if not future.done():
                        future.set_result(message)
                elif message.get("method") == "Page.loadEventFired":
                    self.loads[message["sessionId"]].set()
        for future in self.answers.values():
            if not future.done():
                future.set_exception(Failure("the browser closed the connection"))
        for loaded in self.loads.values():
            loaded.set()

    async def call(self, method: str, session: str | None = None, **params: object) -> dict:
        """Sends a command and waits for its answer."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        future = self.answers[self.last] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps(message))
        answer = await asyncio.wait_for(future, PATIENCE)
        if "error" in answer:
            raise Failure(f"{method}: {answer['error'].get('message')}")
        return answer["result"]


class Tab:
    """One tab. Renders one document after the other."""

    def __init__(self, browser: Browser, session: str, frame: str) -> None:
        self.browser, self.session, self.frame = browser, session, frame
        self.loaded = browser.loads[session] = asyncio.Event()

    @classmethod
    async def open(cls, browser: Browser) -> "Tab":
        """Opens a tab."""
        target = (await browser.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await browser.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        await browser.call("Page.enable", session)
        tree = await browser.call("Page.getFrameTree", session)
        return cls(browser, session, tree["frameTree"]["frame"]["id"])

    async def render(self, page: str) -> bytes:
        """Puts the page into the tab, waits until it is loaded, and prints it."""
        self.loaded.clear()
        await self.browser.call("Page.setDocumentContent", self.session, frameId=self.frame, html=page)
        await asyncio.wait_for(self.loaded.wait(), PATIENCE)
        return base64.b64decode((await self.browser.call("Page.printToPDF", self.session, **PRINT))["data"])


class TabForEach:
    """A new tab for each document, as Gotenberg does."""

    def __init__(self, browser: Browser, file: Path) -> None:
        self.browser, self.file = browser, file

    async def render(self, page: str) -> bytes:
        """Opens the page in a tab of its own, prints it, and closes the tab."""
        self.file.write_text(page)
        browser = self.browser
        target = (await browser.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await browser.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        loaded = browser.loads[session] = asyncio.Event()
        await browser.call("Page.enable", session)
        await browser.call("Page.navigate", session, url=self.file.as_uri())
        await asyncio.wait_for(loaded.wait(), PATIENCE)
        pdf = base64.b64decode((await browser.call("Page.printToPDF", session, **PRINT))["data"])
        await browser.call("Target.closeTarget", targetId=target)
        return pdf


def with_css(page: str, css: str) -> str:
    """The page with the stylesheet for paper. Chromium has no `string()`, so the words are put in."""

    def words(pattern: str) -> str:
        found = re.search(pattern, page)
        return json.dumps(html.unescape(re.sub("<[^>]*>", "", found[1])) if found else "", ensure_ascii=False)

    css = css.replace("string(school)", words(r'<p class="school">(.*?)</p>'))
    css = css.replace("string(title)", words(r"<h1>(.*?)</h1>"))
    return for_paper(page).replace("</head>", f"<style>{css}</style></head>", 1)


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cpu_of(root: int) -> float:
    """User and system time of a process, of all that live below it, and of those that ended there."""
    ticks = 0
    for pid in family(root):
        with suppress(OSError):
            ticks += sum(int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


async def endpoint(profile: Path, process: subprocess.Popen) -> str:
    """The address that the browser writes down once it listens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, ValueError):
            port, path = (profile / "DevToolsActivePort").read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        await asyncio.sleep(0.05)
    raise Failure(f"the browser did not start: {(profile / 'errors').read_text(errors='replace').strip()[-500:]}")


async def lane(tab: Tab | TabForEach, inputs: list[tuple[Path, str]], at: int, seconds: float) -> Tally:
    """What one tab does in the measured part."""
    tally = Tally(started=time.perf_counter())
    now = tally.started
    while now < tally.started + seconds:
        path, page = inputs[at]
        at = (at + 1) % len(inputs)
        pdf = await named(path, tab.render(page))
        before, now = now, time.perf_counter()
        tally.count(now - before, pdf, path)
    tally.ended = now
    return tally


async def named(path: Path, rendering: Awaitable[bytes]) -> bytes:
    """Names the document in the error, if there is one."""
    try:
        return await rendering
    except (Failure, OSError, WebSocketException) as error:
        raise Failure(f"{path}: {str(error) or f'no answer within {PATIENCE} s'}") from error


async def measure(job: Job, process: subprocess.Popen, profile: Path) -> None:
    """Opens the tabs, warms them up, measures."""
    css = print_css()
    inputs = [(path, with_css(path.read_text(), css)) for path in job.inputs("[0-9]*.html")]
    async with connect(await endpoint(profile, process), max_size=None, compression=None, ping_interval=None) as socket:
        browser = Browser(socket)
        version = (await browser.call("Browser.getVersion"))["product"]
        tabs: list[Tab | TabForEach]
        if job.name == "gotenberg-way":
            tabs = [TabForEach(browser, profile / f"{number}.html") for number in range(job.processes)]
        else:
            tabs = [await Tab.open(browser) for _ in range(job.processes)]

        async def warm_up(tab: Tab | TabForEach) -> None:
            for path, page in inputs[:: max(1, len(inputs) // WARM_UP)]:
                await named(path, tab.render(page))

        await asyncio.gather(*map(warm_up, tabs))
        path, page = inputs[0]
        job.sample().parent.mkdir(parents=True, exist_ok=True)
        job.sample().write_bytes(await named(path, tabs[0].render(page)))

        before = cpu_of(process.pid) + time.process_time()
        lanes = (lane(tab, inputs, n * len(inputs) // len(tabs), job.seconds) for n, tab in enumerate(tabs))
        tallies = await asyncio.gather(*lanes)
        cpu = cpu_of(process.pid) + time.process_time() - before
        peak = sum(peak_kib(pid) for pid in family(process.pid))
        report(job, version, tallies, cpu=cpu, peak=peak)
        with suppress(Failure, asyncio.TimeoutError, WebSocketException):
            await browser.call("Browser.close")


def run(job: Job) -> None:
    """Starts the browser with the shipped fonts alone, measures, and ends it."""
    whole = job.name == "gotenberg-way"
    program, switches = (WHOLE_BROWSER, WHOLE_SWITCHES) if whole else (PROGRAM, SWITCHES)
    if not program.exists():
        raise Failure(f"{program} is missing: run benches/peers/setup")
    with scratch() as profile:
        environment = os.environ | {"FONTCONFIG_FILE": str(fontconfig(profile)), "HOME": str(profile)}
        command = [str(program), *switches, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
        with (profile / "errors").open("wb") as errors:
            process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
        try:
            asyncio.run(measure(job, process, profile))
        except (OSError, WebSocketException, TimeoutError) as error:
            raise Failure(f"{type(error).__name__}: {error}") from error
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            for pid in reversed(family(process.pid) if process.poll() is None else []):
                with suppress(OSError):
                    os.kill(pid, 9)
            process.wait()

"""ics.py FILE: reads a calendar with an independent parser (PyPI `icalendar`) and prints its events as a JSON list.

Proves that the file is RFC 5545 as others read it: it parses without a repaired value, lines are CRLF and at most 75 octets,
every event has UID and DTSTAMP, no UID comes twice, and the file's own VTIMEZONE says the same UTC offset for every event as
the zone database does (so the October and March clock changes are right in calendars that trust either).
Exit 0 good, 1 faults (one a line on stderr), 2 wrong use.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar

if len(sys.argv) != 2:
    sys.exit(print(__doc__, file=sys.stderr) or 2)



def report(faults):
    for fault in faults:
        print(f"{sys.argv[1]}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)


faults = []
data = Path(sys.argv[1]).read_bytes()
for number, line in enumerate(data.split(b"\r\n"), 1):
    if b"\n" in line or b"\r" in line:
        faults.append(f"line {number}: ends without CRLF")
    if len(line) > 75:
        faults.append(f"line {number}: {len(line)} octets, 75 at most")
    try:
        line.decode()
    except UnicodeDecodeError:
        faults.append(f"line {number}: a fold splits a character")
if not data.endswith(b"\r\n"):
    faults.append("the last line does not end with CRLF")

try:
    calendar = icalendar.Calendar.from_ical(data)
except Exception as error:
    report([f"does not parse: {error}"])
# What the parser could not read it keeps beside the component instead of raising.
for part in calendar.walk():
    faults += [f"{part.name} {name}: {error}" for name, error in part.errors]
for name in ("VERSION", "PRODID"):
    if name not in calendar:
        faults.append(f"VCALENDAR has no {name}")

report(faults)  # a broken value must not be read

# The file's own definitions, not the zone of the same name that the parser knows.
zones = {str(zone["TZID"]): zone.to_tz(lookup_tzid=False) for zone in calendar.walk("VTIMEZONE")}


def moment(event, name):
    """An ISO date, or an ISO date and time with its UTC offset."""
    if name not in event:
        return None
    value = event[name].dt
    if not isinstance(value, datetime):
        return value.isoformat()
    zone = event[name].params.get("TZID")
    if value.tzinfo is None:
        faults.append(f"{event.get('UID')}: {name} is in no time zone")
    elif zone is not None and zone not in zones:
        faults.append(f"{event.get('UID')}: {name} names the time zone {zone}, which the file does not define")
    elif zone is not None:
        own, value = value.replace(tzinfo=zones[zone]), value.replace(tzinfo=ZoneInfo(zone))
        if own.utcoffset() != value.utcoffset():
            faults.append(f"{event.get('UID')}: {name} is {value.isoformat()}, but {own.isoformat()} by the file's VTIMEZONE")
    return value.isoformat()


events, seen = [], set()
for event in calendar.walk("VEVENT"):
    uid = str(event.get("UID", ""))
    faults += [f"event {uid or event.get('SUMMARY')}: has no {name}" for name in ("UID", "DTSTAMP", "DTSTART") if name not in event]
    if uid in seen:
        faults.append(f"event {uid}: the UID comes twice")
    seen.add(uid)
    events.append(
        {
            "uid": uid,
            "sequence": int(event.get("SEQUENCE", 0)),
            "summary": str(event.get("SUMMARY", "")),
            "description": str(event.get("DESCRIPTION", "")),
            "location": str(event["LOCATION"]) if "LOCATION" in event else None,
            "status": str(event["STATUS"]) if "STATUS" in event else None,
            "dtstart": moment(event, "DTSTART"),
            "dtend": moment(event, "DTEND"),
            "all_day": "DTSTART" in event and not isinstance(event["DTSTART"].dt, datetime),
            "rrule": event["RRULE"].to_ical().decode() if "RRULE" in event else None,
        }
    )

report(faults)
json.dump(events, sys.stdout, ensure_ascii=False, indent=1)
print()

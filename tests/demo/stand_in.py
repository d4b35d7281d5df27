"""Run by a test in place of `spanledger up`: takes spans on a port until SIGTERM, then says how many of which service.

`stand_in.py PORT FILE`, or `stand_in.py fail` to end at once with code 3.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from demo.sink import Sink

if __name__ == "__main__":
    if sys.argv[1] == "fail":
        print("port 4318 is taken", file=sys.stderr)
        sys.exit(3)
    port, file = sys.argv[1:]
    sink = Sink(int(port))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=sink.server.serve_forever, daemon=True).start()
    stop.wait()
    spans: Counter[str] = Counter()
    for request in sink.requests:
        for resource_spans in request.resource_spans:
            instance = next(a for a in resource_spans.resource.attributes if a.key == "service.name")
            spans[instance.value.string_value] += sum(len(scope.spans) for scope in resource_spans.scope_spans)
    Path(file).write_text(json.dumps(spans))

"""A webhook receiver on PyPI's standardwebhooks and svix: prints one JSON line for each delivery.

The secret comes as the first line of stdin, after the port was printed. The first delivery that
verifies is answered with 500, so that it must come again.
"""

import http.server
import json
import sys
import threading

from standardwebhooks.webhooks import Webhook
from svix.webhooks import Webhook as Svix

secret_known = threading.Event()
secret = ""
verified = 0


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global verified
        raw = self.rfile.read(int(self.headers["content-length"]))
        secret_known.wait(30)
        line = {"id": self.headers["webhook-id"], "raw": raw.decode("utf-8")}
        try:
            Webhook(secret).verify(raw, dict(self.headers))
            Svix(secret).verify(raw, dict(self.headers))
            verified += 1
            line["status"] = 500 if verified == 1 else 200
        except Exception as error:
            line["status"], line["error"] = 400, repr(error)
        print(json.dumps(line), flush=True)
        self.send_response(line["status"])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(json.dumps({"port": server.server_port}), flush=True)
secret = sys.stdin.readline().strip()
secret_known.set()
sys.stdin.read()

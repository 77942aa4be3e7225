"""Verifies a webhook with standardwebhooks: `webhook.py SECRET`, headers and body as JSON on standard input."""

import json
import sys

from standardwebhooks.webhooks import Webhook

sent = json.load(sys.stdin)
print(json.dumps(Webhook(sys.argv[1]).verify(sent["body"], sent["headers"])))

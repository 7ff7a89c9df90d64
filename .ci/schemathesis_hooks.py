"""What schemathesis cannot make up by itself: the signatures of providers and the token of an unsubscribe link. Two people write to the organisation
first, so that there are conversations."""

import base64
import hashlib
import hmac
import json
import os
import re
import urllib.request
import zlib
from pathlib import Path
from urllib.parse import parse_qsl

import schemathesis
from requests.auth import AuthBase

URL = os.environ["TIDINGS_URL"]
SECRETS = json.loads(Path(os.environ["TIDINGS_DATA"], "secrets.json").read_text())


def simulator(path, body=None):
    """Asks the providers' twins."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/sim/{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def somebody_writes():
    senders = {"sms": "+64212419999", "whatsapp": "106540352242922"}  # of the demo organisation
    for channel, sender in senders.items():
        simulator("inbound", {"channel": channel, "from": "+64212410900", "to": sender, "text": "Which hall is it?"})


def unsubscribe_tokens():
    """From the headers of the mails that were sent."""
    mails = (item["request"] for item in simulator("messages")["items"] if item["provider"] == "ses")
    tokens = [found for mail in mails for found in re.findall(r"/unsubscribe/([\w-]+)", json.dumps(mail))]
    if not tokens:
        raise SystemExit("no mail was sent, so there is no unsubscribe link to try")
    return sorted(set(tokens))


somebody_writes()
TOKENS = unsubscribe_tokens()


def chance(value):
    """A number that follows from a value, so that a run can be repeated."""
    return zlib.crc32(repr(value).encode(errors="replace"))


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Every other token is a real one."""
    if path_parameters and "token" in path_parameters and chance(path_parameters) % 2:
        path_parameters["token"] = TOKENS[chance(path_parameters) // 2 % len(TOKENS)]
    return path_parameters


@schemathesis.hook
def map_query(context, query):
    """Every other verification knows the token that was agreed with Meta."""
    if context.operation.path.startswith("/webhooks/whatsapp/") and chance(query) % 2:
        query = {**(query or {}), "hub.mode": "subscribe", "hub.verify_token": SECRETS["demo/whatsapp"]["verify_token"]}
    return query


def body_of(request):
    body = request.body or b""
    return body.encode() if isinstance(body, str) else body


class Twilio(AuthBase):
    """https://www.twilio.com/docs/usage/webhooks/webhooks-security"""

    def __call__(self, request):
        if "X-Twilio-Signature" not in request.headers:
            fields = parse_qsl(body_of(request).decode(errors="replace"), keep_blank_values=True)
            signed = request.url + "".join(name + value for name, value in sorted(set(fields)))
            key = SECRETS["demo/twilio"]["auth_token"].encode()
            tag = hmac.new(key, signed.encode(errors="replace"), hashlib.sha1).digest()
            request.headers["X-Twilio-Signature"] = base64.b64encode(tag).decode()
        return request


class WhatsApp(AuthBase):
    """https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint"""

    def __call__(self, request):
        if "X-Hub-Signature-256" not in request.headers:
            key = SECRETS["demo/whatsapp"]["app_secret"].encode()
            request.headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(key, body_of(request), hashlib.sha256).hexdigest()
        return request


schemathesis.auth.set_from_requests(Twilio()).apply_to(path_regex="^/webhooks/twilio/")
schemathesis.auth.set_from_requests(WhatsApp()).apply_to(path_regex="^/webhooks/whatsapp/", method="POST")
schemathesis.serializer.alias("application/x-ndjson", "text/plain")

"""A mail server of aiosmtpd's that says what it gets: a line of JSON for each mail.

    mailbox.py CERTIFICATE KEY wrapper|starttls
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": mail["subject"],
            "id": mail["message-id"],
            "auto": mail["auto-submitted"],
            "text": mail.get_content(),
        }), flush=True)
        if "poison" in mail["subject"]:
            return "554 it is not taken"
        return "250 OK"


def authenticator(server, session, envelope, mechanism, login):
    known = login.login == b"ali" and login.password == b"open sesame"
    return AuthResult(success=known, handled=False)


async def serve(certificate, key, mode):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    settings = {"authenticator": authenticator, "auth_required": True}
    if mode == "wrapper":
        wrapper, settings["auth_require_tls"] = context, False
    else:
        wrapper, settings["tls_context"], settings["require_starttls"] = None, context, True
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Mailbox(), **settings), "127.0.0.1", 0, ssl=wrapper
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


asyncio.run(serve(*sys.argv[1:]))

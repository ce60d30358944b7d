"""HTTP answers and an Exchange front end small enough to be broken in one place."""

import base64
import re
import urllib.parse

import ntlm

NODE = ("X-FEServer", "EX1")
XML = ("Content-Type", "text/xml; charset=utf-8")


def answer(status=200, *headers, body=b"", reason="X", length=True):
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{name}: {value}" for name, value in headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def page(status=200, text="<html><body>A page</body></html>", *headers):
    return answer(status, ("Content-Type", "text/html"), *headers, body=text.encode())


def unauthorized(*schemes, headers=(NODE,)):
    return answer(401, *[("WWW-Authenticate", scheme) for scheme in schemes], *headers)


def soap(body, status=200):
    text = ('<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
            'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Header><t:ServerVersionInfo '
            'MajorVersion="15" MinorVersion="2" MajorBuildNumber="2562" MinorBuildNumber="37" Version="V2017_07_11"/>'
            f"</s:Header><s:Body>{body}</s:Body></s:Envelope>")
    return answer(status, XML, NODE, body=text.encode())


def soap_fault(code):
    return soap('<s:Fault><faultcode>a:' + code + '</faultcode><faultstring>the server says so</faultstring><detail>'
                '<e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">' + code +
                "</e:ResponseCode></detail></s:Fault>", 500)


def folders(code="NoError"):
    kind = "Success" if code == "NoError" else "Error"
    found = "<m:Folders><t:Folder><t:FolderId Id='x'/><t:DisplayName>n</t:DisplayName><t:TotalCount>1</t:TotalCount>" \
            "<t:UnreadCount>0</t:UnreadCount></t:Folder></m:Folders>" if kind == "Success" else ""
    message = f"<m:GetFolderResponseMessage ResponseClass='{kind}'><m:ResponseCode>{code}</m:ResponseCode>{found}" \
              "</m:GetFolderResponseMessage>"
    return soap(f"<m:GetFolderResponse><m:ResponseMessages>{message * 3}</m:ResponseMessages></m:GetFolderResponse>")


def autodiscover(inner):
    text = ('<?xml version="1.0" encoding="utf-8"?><Autodiscover '
            'xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response '
            'xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a">'
            f"{inner}</Response></Autodiscover>")
    return answer(200, XML, NODE, body=text.encode())


def settings(*ews_urls):
    urls = "".join(f"<EwsUrl>{url}</EwsUrl>" for url in ews_urls)
    return autodiscover("<User><DisplayName>Service</DisplayName><LegacyDN>/o=Contoso/cn=svc</LegacyDN></User><Account>"
                        "<AccountType>email</AccountType><Action>settings</Action><Protocol><Type>EXCH</Type>"
                        f"<Server>g@contoso.test</Server>{urls}</Protocol></Account>")


def redirect_address(address):
    return autodiscover(f"<Account><Action>redirectAddr</Action><RedirectAddr>{address}</RedirectAddr></Account>")


def redirect_url(url):
    return autodiscover(f"<Account><Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl></Account>")


def autodiscover_error(code):
    text = ('<?xml version="1.0" encoding="utf-8"?><Autodiscover '
            'xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"><Response><Error '
            f'Time="1" Id="2"><ErrorCode>{code}</ErrorCode><Message>No</Message></Error></Response></Autodiscover>')
    return answer(200, XML, NODE, body=text.encode())


HEALTHY = {
    "ews": folders(),
    "autodiscover": settings(),
    "owa": answer(200, ("Content-Type", "text/html"), NODE, body=b'<link href="/owa/prem/15.2.2562.37/x.css">'),
}
COOKIES = (("Set-Cookie", "cadata=" + "c" * 40 + "; path=/; secure; HttpOnly"), ("Set-Cookie", "cadataKey=k; path=/"))


class Exchange:
    """A handler for peer.http(). `answers` replaces what a service says after the logon, `before` what the path
    says without one, `challenge` the Type 2 message, `refuse` every logon; `form` is where OWA's form leads."""

    def __init__(self, password, schemes=("Negotiate", "NTLM"), answers=None, before=None, challenge=None,
                 refuse=False, form="/owa/", leg2=None):
        self.password, self.schemes = password, schemes
        self.answers = {**HEALTHY, **(answers or {})}
        self.before, self.challenge, self.refuse, self.form, self.leg2 = before, challenge, refuse, form, leg2
        self.accepted = 0

    def __call__(self, peer, request):
        path = urllib.parse.urlsplit(request.target).path.lower()
        if path.endswith("/healthcheck.htm"):
            return page(200, "200 OK<br/>EX1", NODE)
        service = next((name for name in self.answers if path.startswith("/" + name)), None)
        if service is None:
            return page(404, "no such path", NODE)
        if service == "owa":
            return self._owa(path, request)
        if peer.state.get("in") and "authorization" not in request.headers:
            return self.answers[service]
        return self._logon(peer, request, service)

    def _logon(self, peer, request, service):
        value = request.headers.get("authorization", "")
        kind = ntlm.kind(value)
        if not value:
            return self.before or unauthorized(*self.schemes)
        if kind == "type1":
            scheme = value.split(" ")[0]
            token = ntlm.challenge() if self.challenge is None else self.challenge
            return self.leg2 or unauthorized(f"{scheme} {base64.b64encode(token).decode()}")
        if self.refuse or not self._right(kind, value):
            return unauthorized(*self.schemes)
        self.accepted += 1
        peer.state["in"] = kind == "NTLM"
        return self.answers[service]

    def _right(self, kind, value):
        if kind == "Bearer":
            return True
        token = base64.b64decode(value.split(" ")[1])
        if kind == "Basic":
            return token.partition(b":")[2] == self.password.encode()
        return kind == "NTLM" and ntlm.proves(token, self.password)

    def _owa(self, path, request):
        if path == "/owa/auth.owa":
            fields = urllib.parse.parse_qs(request.body.decode(), keep_blank_values=True)
            if self.refuse or fields.get("password") != [self.password]:
                return page(302, "", ("Location", "/owa/auth/logon.aspx?reason=2"), NODE)
            self.accepted += 1
            return page(302, "", ("Location", self.form), NODE, *COOKIES)
        if "cadata=" in request.headers.get("cookie", ""):
            return self.answers["owa"]
        return self.before or page(302, "", ("Location", "/owa/auth/logon.aspx?url=x&reason=0"), NODE)


def credentials(received):
    """What proofs and tokens a connection carried: ["type1", "NTLM", "Basic", "form" …]"""
    kinds = [ntlm.kind(value.decode("latin-1").strip())
             for value in re.findall(rb"(?im)^Authorization:[ \t]*([^\r\n]*)", received)]
    return kinds + ["form"] * len(re.findall(rb"&password=[^&]", received))


def authorization_values(received):
    return [value.split(b" ")[-1] for value in re.findall(rb"(?im)^Authorization:[ \t]*([^\r\n]*)", received)]

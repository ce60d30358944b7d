"""The proofs of what is wrong in the directory: the mailbox, the organisation, its servers and their places."""

import base64
import datetime
import os
import re
import subprocess

from faults_lab import NODES, dig, proof, spn_owners

from clients_test import EWS, MAIL, contains, ews_code, get_folder, same

CONFIGURATION = "CN=Configuration,DC=contoso,DC=test"


@proof("D02", "clear_ldap")
def signing_demanded(lab):
    code, text = lab.ldap("-b", "", "-s", "base", "dn", port=389, scheme="ldap")
    same(code, 8)
    contains(text, "Strong(er) authentication required (8)")
    same(lab.kinit()[0], 0)
    for layers, wanted in (("maxssf=0", 8), ("minssf=1", 0)):
        same((layers, by_ticket(lab, layers)), (layers, wanted))


def by_ticket(lab, layers):
    """The exit code of a bind with a ticket on port 389, with or without sealing."""
    command = ["ldapsearch", "-Y", "GSSAPI", "-N", "-Q", "-O", layers, "-H", "ldap://dc1.contoso.test"]
    command += ["-b", "", "-s", "base"]
    environment = os.environ | {"KRB5CCNAME": lab.ccache}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


MAILBOX = ("ews", "ews_with_kerberos", "owa", "autodiscover")


@proof("D05", *MAILBOX)
def remote_mailbox(lab):
    same(lab.account("msExchRecipientTypeDetails"), ["2147483648"])
    same(lab.account("targetAddress"), ["SMTP:svc@contoso.mail.onmicrosoft.com"])
    same(lab.account("homeMDB"), [])
    body = lab.pox()
    contains(body, "<Action>redirectAddr</Action>")
    contains(body, "<RedirectAddr>svc@contoso.mail.onmicrosoft.com</RedirectAddr>")
    same(lab.ews(), (200, "ErrorMissingEmailAddress"))
    contains(lab.owa()[1].header("Location"), "UserHasNoMailboxException")


@proof("D07")
def in_no_address_list(lab):
    same((lab.account("showInAddressBook"), lab.account("msExchHideFromAddressLists")), ([], []))
    same(lab.resolve("smtp:svc@contoso.test"), (0, "ErrorNameResolutionNoResults"))
    same(lab.resolve("smtp:other@contoso.test"), (1, "NoError"))


@proof("D08", "autodiscover")
def address_twice(lab):
    found = lab.read("(proxyAddresses=smtp:svc@contoso.test)", "sAMAccountName")
    same(sorted(value for key, value in found if key == "sAMAccountName"), ["other", "svc"])
    same(lab.resolve("smtp:svc@contoso.test"), (2, "ErrorNameResolutionMultipleResults"))
    contains(lab.pox(), "<ErrorCode>500</ErrorCode>")
    answer = lab.curl(EWS, "--ntlm", user="CONTOSO\\svc", body=get_folder("inbox", "svc@contoso.test"))
    same(ews_code(answer), "ErrorNonExistentMailbox")


@proof("D09")
def privileged(lab):
    admins = "CN=Domain Admins,CN=Users,DC=contoso,DC=test"
    same(lab.account("memberOf"), ["CN=PBX Services,CN=Users,DC=contoso,DC=test"])
    found = lab.read(f"(&(sAMAccountName=svc)(memberOf:1.2.840.113556.1.4.1941:={admins}))", "adminCount")
    same([value for key, value in found if key == "adminCount"], ["1"])


@proof("D10", "autodiscover")
def mapi_off(lab):
    same(lab.account("protocolSettings"), ["MAPI§0§§§§§§§§§"])
    body = lab.pox()
    same(("<ServerDN>" in body, "<Type>EXPR</Type>" in body), (False, True))
    contains(lab.pox("other@contoso.test", "CONTOSO\\other"), "<ServerDN>")


@proof("D10-ews", "ews", "ews_with_kerberos")
def ews_off(lab):
    same(lab.account("msExchEwsEnabled"), ["0"])
    for node in NODES:
        same(lab.ews("--ntlm", node=node)[0], 403)
    same(lab.ews("--ntlm", password="Wrong-1-password")[0], 401)


@proof("D10-owa", "owa")
def owa_off(lab):
    same(sorted(lab.account("protocolSettings")), ["HTTP§0§1§§§§§§", "OWA§0"])
    first, second = lab.owa()
    same((first.header("Location"), second.status), (MAIL + "/owa/", 302))
    contains(second.header("Location"), "AccountDisabledException")


@proof("D11", "autodiscover")
def stale_settings(lab):
    same(lab.account("protocolSettings"), ["MAPI§0§§§§§§§§§"])
    same(lab.account("msExchWhenMailboxCreated"), ["20250602080000.0Z"])
    text = lab.ldap("-b", "DC=contoso,DC=test", "(sAMAccountName=svc)", "replPropertyMetaData")[1]
    record = base64.b64decode(re.search(r"replPropertyMetaData:: (\S+)", text)[1])
    written = datetime.datetime(2024, 3, 11, 9, 30) - datetime.datetime(1601, 1, 1)
    same(record.count(int(written.total_seconds()).to_bytes(8, "little")), 1)


@proof("D12")
def being_moved(lab):
    same((lab.account("msExchMailboxMoveStatus"), lab.account("msExchMailboxMoveFlags")), (["2"], ["10"]))
    same([value.partition(",")[0] for value in lab.account("msExchMailboxMoveTargetMDBLink")], ["CN=DB2"])


@proof("D12-ews", "ews", "ews_with_kerberos")
def being_switched_over(lab):
    for node in NODES:
        same(lab.ews(node=node), (200, "ErrorMailboxMoveInProgress"))


def configured(lab, expression, attribute):
    """The values of an attribute of all objects that a filter finds in the configuration."""
    found = lab.read(expression, attribute, base=CONFIGURATION)
    return sorted(value for key, value in found if key == attribute)


SERVERS = "(objectClass=msExchExchangeServer)"
SCPS = "(&(objectClass=serviceConnectionPoint)(keywords=77378F46-2C66-4aa9-A6A6-3E7A48B19596))"


@proof("U07")
def stale_scp(lab):
    same(configured(lab, SERVERS, "cn"), ["EX1", "EX2"])
    same(configured(lab, SCPS, "cn"), ["EX1", "EX2", "OLDEX"])
    contains(" ".join(configured(lab, SCPS, "serviceBindingInformation")), "https://oldex.contoso.test/")
    same(dig("oldex.contoso.test"), ("NXDOMAIN", []))


@proof("U08")
def scp_for_another_site(lab):
    sites = [word for word in configured(lab, SCPS, "keywords") if word.startswith("Site=")]
    same(sites, ["Site=Branch"] * 2)
    same(configured(lab, "(objectClass=site)", "cn"), ["Branch", "Default-First-Site-Name"])


def versions(lab, in_directory, on_wire):
    """Of both servers, in order."""
    same(configured(lab, SERVERS, "serialNumber"), sorted(in_directory))
    for node, build in zip(NODES, on_wire):
        same(lab.curl(MAIL + "/owa/healthcheck.htm", node=node).header("X-OWA-Version"), build)
        answer = lab.curl(EWS, "--ntlm", node=node, user="CONTOSO\\svc", body=get_folder("inbox"))
        contains(answer.body, f'MajorBuildNumber="{build.split(".")[2]}"')


@proof("V01")
def too_old(lab):
    versions(lab, ["Version 15.0 (Build 30620.29)"] * 2, ["15.0.620.29"] * 2)
    found = lab.read("(cn=ms-Exch-Schema-Version-Pt)", "rangeUpper", base=f"CN=Schema,{CONFIGURATION}")
    same([value for key, value in found if key == "rangeUpper"], ["15254"])


@proof("V02")
def mixed_versions(lab):
    in_directory = ["Version 15.2 (Build 32562.17)", "Version 15.1 (Build 32507.6)"]
    versions(lab, in_directory, ["15.2.2562.37", "15.1.2507.66"])


@proof("V06")
def past_support(lab):
    versions(lab, ["Version 15.2 (Build 31544.4)"] * 2, ["15.2.1544.39"] * 2)


def basic_of_ews(lab):
    """Is there Basic for EWS in the directory, and on the wire?"""
    found = configured(lab, "(objectClass=msExchWebServicesVirtualDirectory)", "msExchInternalAuthenticationMethods")
    offers = lab.curl(EWS, body="<x/>").all("WWW-Authenticate")
    return {bool(int(value) & 1) for value in found}, any(offer.startswith("Basic") for offer in offers)


@proof("V07", "schemes")
def basic_only_in_directory(lab):
    same(basic_of_ews(lab), ({True}, False))


@proof("V07-wire")
def basic_only_on_wire(lab):
    same(basic_of_ews(lab), ({False}, True))


@proof("C04")
def hybrid(lab):
    same(configured(lab, "(objectClass=msExchCoexistenceRelationship)", "cn"), ["Hybrid Configuration"])
    domains = configured(lab, "(objectClass=msExchAcceptedDomain)", "msExchAcceptedDomainName")
    same(domains, ["contoso.mail.onmicrosoft.com", "contoso.test"])
    same(lab.account("msExchRecipientTypeDetails", "cloud"), ["2147483648"])
    contains(lab.pox("cloud@contoso.test", "CONTOSO\\cloud"), "<RedirectAddr>cloud@contoso.mail.onmicrosoft.com<")


@proof("N07", "addresses")
def mail_is_an_alias(lab):
    same(dig("mail.contoso.test", "CNAME"), ("NOERROR", ["vip.contoso.test."]))
    for name in ("mail", "vip"):
        same(dig(f"{name}.contoso.test"), ("NOERROR", sorted(NODES.values())))
    same((spn_owners(lab, "mail.contoso.test"), spn_owners(lab, "vip.contoso.test")), (["svc-exch"], []))


@proof("N09")
def internal_name_outside(lab):
    same(dig("mail.contoso.local"), ("NXDOMAIN", []))
    body = lab.pox()
    exch, _, expr = body.partition("<Type>EXPR</Type>")
    contains(exch, "<EwsUrl>https://mail.contoso.local/EWS/Exchange.asmx</EwsUrl>")
    contains(expr, "<EwsUrl>https://mail.contoso.test/EWS/Exchange.asmx</EwsUrl>")
    places = configured(lab, "(objectClass=msExchVirtualDirectory)", "msExchInternalHostName")
    same(("contoso.test" in "".join(places), len(places)), (False, 14))

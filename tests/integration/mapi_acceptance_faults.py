"""What each fault of MAPI breaks, cell by cell; all else in the matrix stays as it is in a healthy lab.

SERVICE: "COLUMN=OUTCOME ..." for both nodes; outcomes with a stroke between them where the order of the rows decides.
Columns: the layers, other and public (the further mailbox and the public folders), book, referral, disconnect.
"""

BLOCKED = "other=blocked public=blocked"
NOT_LOGGED_ON = f"protocol=blocked mailbox=blocked {BLOCKED} book=blocked disconnect=blocked"
NO_HTTP = f"http=fail auth=blocked {NOT_LOGGED_ON}"
NOT_CONNECTED = f"protocol=fail mailbox=blocked {BLOCKED} disconnect=skipped"
NOTHING = f"{NOT_CONNECTED} book=fail"
SESSION_LOST = "mailbox=fail other=skipped public=skipped book=fail disconnect=skipped"
NO_MAILBOX = {"rpc": "mailbox=fail other=fail", "mapi": "mailbox=fail other=fail"}
NO_STORE = {"rpc": NOT_CONNECTED, "mapi": NOT_CONNECTED}
RPC_DOWN = {"rpc": f"{NOTHING} referral=fail"}
RPC_REFUSED = {"rpc": f"{NO_HTTP} referral=blocked"}
MAPI_DOWN = {"mapi": NOTHING}
BACK_END_LOST = {"rpc": f"{NOTHING} referral=fail", "mapi": NOTHING, "owa": "protocol=fail mailbox=blocked",
                 "ews": f"protocol=fail mailbox=blocked {BLOCKED}"}
NO_DATABASE = {service: "mailbox=fail other=fail public=fail" for service in ("rpc", "mapi", "ews")}
NO_DATABASE["owa"] = "mailbox=fail"
ASKED_OFTEN = "mailbox=fail/skipped other=fail/skipped public=pass/skipped"
ONE_LOGON = f"auth=fail/skipped referral=blocked {NOT_LOGGED_ON}"

# The switch of the lab: what it breaks, the finding's severity, words of its evidence.
FAULTS = {
    "R01": (RPC_DOWN, "fail", "503 RPC Error: 6ba"), "R02": (RPC_DOWN, "fail", "404 after the logon"),
    "R03": ({"rpc": f"auth=fail referral=blocked {NOT_LOGGED_ON}"}, "fail", "/rpc offers Basic"),
    "R05": (RPC_REFUSED, "fail", "answered with 501"), "R05-405": (RPC_REFUSED, "fail", "answered with 405"),
    "R06": (RPC_REFUSED, "fail", "503"), "R07": ({}, "info", "ecNotEncrypted"),
    "R08": ({"rpc": NOT_CONNECTED}, "fail", "ecRpcHttpDisallowed"),
    "R09": ({}, "info", "nothing listens there"), "R09-epm": ({}, "info", "does not know EMSMDB"),
    "T05": (RPC_DOWN, "fail", "CONN/C2 stays away"),
    # a refusal by the wrong node is a refusal: who has not logged on yet, does not try either
    "T07": ({"rpc": ONE_LOGON, "owa": "auth=pass/skipped protocol=pass/blocked mailbox=pass/blocked"}, "fail", "EX2"),
    "A14": ({}, "warn", "LmCompatibilityLevel 1"), "A15": (RPC_DOWN, "fail", "ERROR_ACCESS_DENIED"),
    "M01": ({"mapi": NO_HTTP}, "warn", "404"),
    "M02": (MAPI_DOWN, "warn", "X-ResponseCode 5"), "M02-7": (MAPI_DOWN, "warn", "X-ResponseCode 7"),
    "M03": ({"mapi": SESSION_LOST}, "warn", "X-ResponseCode 10"),
    "M03-13": ({"mapi": SESSION_LOST}, "warn", "X-ResponseCode 13"),
    "M04": (MAPI_DOWN, "warn", "X-ResponseCode 8"), "M05": ({"mapi": SESSION_LOST}, "warn", "X-ResponseCode 11"),
    "M06": (MAPI_DOWN, "warn", "X-ResponseCode 16"), "M06-18": (MAPI_DOWN, "warn", "X-ResponseCode 18"),
    "M07": (MAPI_DOWN, "warn", "text/html"), "M08": ({"mapi": SESSION_LOST}, "warn", "gromox"),
    "M09": (NO_MAILBOX, "fail", "ecLoginFailure"), "M10": (NO_MAILBOX, "fail", "ecUnknownUser"),
    "M11": (NO_MAILBOX, "fail", "ecLoginPerm"),
    "M12": ({"rpc": ASKED_OFTEN, "mapi": ASKED_OFTEN}, "fail", "ecWrongServer"),
    "M13": (NO_MAILBOX, "fail", "ecServerPaused"), "M14": (NO_MAILBOX, "fail", "ecMailboxInTransit"),
    "M14-disabled": (NO_MAILBOX, "fail", "ecMailboxDisabled"), "M15": (NO_MAILBOX, "fail", "ecProfileNotConfigured"),
    "M16": ({"rpc": "other=fail", "mapi": "other=fail"}, "fail", "ecAccessDenied"),
    "M17": (NO_STORE, "fail", "ecCachedModeRequired"), "M18": (NO_STORE, "fail", "ecClientVerDisallowed"),
    "M19": ({"rpc": "public=fail", "mapi": "public=fail"}, "fail", "own mailbox opens"),
    "M20": (NO_MAILBOX, "fail", "MAPI_E_NETWORK_ERROR"),
    # the further mailbox is found by the address book; the own one by Autodiscover
    "M21": ({"rpc": "book=fail other=skipped", "mapi": "book=fail other=skipped"}, "fail", "the store works"),
    "V05": (BACK_END_LOST, "fail", "ServerLocatorError"), "V05-backend": (BACK_END_LOST, "fail", "mailbox server"),
    "V05-dismounted": (NO_DATABASE, "fail", "ecMDBNotInit"),
}

# Rows that are there with the fault only.
NEW_ROWS = {"R09": ("rpc/ex1.contoso.test/127.0.0.20:135",), "R09-epm": ("rpc/ex1.contoso.test/127.0.0.20:135",)}

# Faults of the directory, below which those of MAPI hang: the rules that may. R02: without EXCH in Autodiscover's
# answer the server's name is the front end's, unless the directory was faster.
BELOW = {
    "D04": {"R02"}, "D05": {"R02"}, "D06": {"M21"}, "D10": {"R02", "M21"}, "D10-rpc": {"R08", "M21"},
    "D10-cached": {"M17", "M21"}, "D11": {"R02", "M21"},
}


def columns(words):
    """{column: the outcomes that it may have}"""
    return {column: outcomes.split("/") for column, outcomes in (word.split("=") for word in words.split())}

"""What `exreach probe rpc` does, with impacket: rpc_impacket.py LAB_DIR all|bind|nothing

Inside a lab with the switch `rpc-open`: the address book (6004), the referral (6002), the store (6001), one after the other, as impacket
does it. `bind` only binds the store; `nothing` ends after the imports.
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))

from impacket.dcerpc.v5 import nspi, oxabref
from impacket_client import EMSMDB, LEGACY_DN, EcDoDisconnect, EcDoDisconnectResponse, Lab, Store, address_book, get_props, resolve

DISPLAY_NAME, HOME_SERVER = 0x3001001F, 0x3006001F


def book(lab):
    """NSPI; the legacy DN."""
    dce, handle = address_book(lab)
    nspi.hNspiGetSpecialTable(dce, handle)
    dn = resolve(dce, handle, "svc@contoso.test")[1][0][LEGACY_DN]
    ids = nspi.hNspiDNToMId(dce, handle, pNames=[dn])["ppOutMIds"]["aulPropTag"]
    get_props(dce, handle, ids[0]["Data"], DISPLAY_NAME)
    nspi.hNspiUnbind(dce, handle)
    dce.disconnect()
    return dn


def referral(lab, dn):
    """RFRI."""
    dce = lab.connect(oxabref.MSRPC_UUID_OXABREF, "ex1.contoso.test", 6002)
    oxabref.hRfrGetNewDSA(dce, dn)
    dce.disconnect()


def store(lab, dn):
    """EMSMDB: connected, the mailbox opened, items counted in three folders, as exreach counts them."""
    session = Store.__new__(Store)
    session.connect_over(lab.connect(EMSMDB, "ex1.contoso.test", 6001), {"svc": dn}, "svc")
    logon, folders, _rest = session.logon("svc")
    for folder in (folders[4], folders[3], folders[10]):
        session.count(logon, folder)
    request = EcDoDisconnect()
    request["pcxh"] = session.handle
    session.dce.call(request.opnum, request)
    EcDoDisconnectResponse(session.dce.recv())
    session.dce.disconnect()


def main():
    """The work."""
    lab = Lab(sys.argv[1])
    if sys.argv[2] == "bind":
        lab.connect(EMSMDB, "ex1.contoso.test", 6001)
    if sys.argv[2] == "all":
        dn = book(lab)
        referral(lab, dn)
        store(lab, dn)


if __name__ == "__main__":
    main()

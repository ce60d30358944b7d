"""What an Exchange organisation leaves in Active Directory: servers, virtual directories, databases, mailboxes."""

import uuid

from . import names

ADMIN_GROUP = "Exchange Administrative Group (FYDIBOHF23SPDLT)"
LEGACY_ROOT = f"/o=Contoso/ou={ADMIN_GROUP}"

MICROSOFT_EXCHANGE = f"CN=Microsoft Exchange,CN=Services,{names.CONFIG_DN}"
ORGANIZATION = f"CN=Contoso,{MICROSOFT_EXCHANGE}"
ADMIN_GROUPS = f"CN=Administrative Groups,{ORGANIZATION}"
ADMIN_GROUP_DN = f"CN={ADMIN_GROUP},{ADMIN_GROUPS}"
SERVERS = f"CN=Servers,{ADMIN_GROUP_DN}"
DATABASES = f"CN=Databases,{ADMIN_GROUP_DN}"
DATABASE = f"CN=DB1,{DATABASES}"
ADDRESS_LISTS = f"CN=Address Lists Container,{ORGANIZATION}"
ALL_ADDRESS_LISTS = f"CN=All Address Lists,{ADDRESS_LISTS}"
ALL_GLOBAL_LISTS = f"CN=All Global Address Lists,{ADDRESS_LISTS}"
DEFAULT_GAL = f"CN=Default Global Address List,{ALL_GLOBAL_LISTS}"
ALL_USERS = f"CN=All Users,{ALL_ADDRESS_LISTS}"

SERVER_VERSION = "Version 15.2 (Build 32562.17)"  # Exchange SE RTM; updates do not change it
SERVER_VERSION_NUMBER = 1942061880
SERVER_ROLES = 54  # mailbox, client access, unified messaging, hub transport
OBJECT_VERSION = 1130555651091488  # 0.20 (15.0.0.0), as Exchange 2013 and later write it on recipients
SCP_KEYWORD = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"

# authentication methods as virtual directories keep them: a bit mask
NTLM, BASIC, FORMS, WINDOWS_INTEGRATED, NEGOTIATE, OAUTH = 2, 1, 4, 16, 32, 1024

# name, object class, path of its URL, authentication methods
VIRTUAL_DIRECTORIES = (
    ("EWS", "msExchWebServicesVirtualDirectory", "/EWS/Exchange.asmx", NTLM | BASIC | WINDOWS_INTEGRATED),
    ("owa", "msExchOWAVirtualDirectory", "/owa", BASIC | FORMS),
    ("ecp", "msExchECPVirtualDirectory", "/ecp", BASIC | FORMS),
    ("mapi", "msExchMapiVirtualDirectory", "/mapi", NTLM | NEGOTIATE),
    ("Rpc", "msExchRpcHttpVirtualDirectory", None, NTLM | BASIC | NEGOTIATE),
    ("OAB", "msExchOABVirtualDirectory", "/OAB", WINDOWS_INTEGRATED),
    ("Microsoft-Server-ActiveSync", "msExchMobileVirtualDirectory", "/Microsoft-Server-ActiveSync", BASIC),
    ("Autodiscover", "msExchAutoDiscoverVirtualDirectory", None, NTLM | BASIC | WINDOWS_INTEGRATED),
)


def add_organization(samdb):
    """The organisation with two servers, one database and the address lists."""
    add(samdb, MICROSOFT_EXCHANGE, "msExchConfigurationContainer")
    add(samdb, ORGANIZATION, "msExchOrganizationContainer", msExchProductID="16763", msExchMixedMode="FALSE")
    add(samdb, ADMIN_GROUPS, "msExchAdminGroupContainer")
    add(samdb, ADMIN_GROUP_DN, "msExchAdminGroup", displayName=ADMIN_GROUP, legacyExchangeDN=LEGACY_ROOT)
    _add_address_lists(samdb)
    add(samdb, SERVERS, "msExchServersContainer")
    add(samdb, DATABASES, "msExchContainer")
    for node in names.NODES:
        _add_server(samdb, node)
    add(
        samdb,
        DATABASE,
        "msExchPrivateMDB",
        displayName="DB1",
        msExchOwningServer=server_dn(names.EX1),
        msExchEDBFile=r"D:\Databases\DB1\DB1.edb",
        legacyExchangeDN=f"{server_legacy_dn(names.EX1)}/cn=Microsoft Private MDB",
    )


def server_dn(node):
    """The directory object of a front end node."""
    return f"CN={node.name.upper()},{SERVERS}"


def virtual_directory_dn(node, name):
    """The directory object of a node's virtual directory, e.g. `EWS`."""
    return f"CN={name} (Default Web Site),CN=HTTP,CN=Protocols,{server_dn(node)}"


def scp_dn(node):
    """The directory object of a node's Autodiscover service connection point."""
    return f"CN={node.name.upper()},CN=Autodiscover,CN=Protocols,{server_dn(node)}"


def server_legacy_dn(node):
    """A node in the X.500 way of the old days."""
    return f"{LEGACY_ROOT}/cn=Configuration/cn=Servers/cn={node.name.upper()}"


def mailbox_attributes(account, display_name):
    """What makes an account a visible mailbox user."""
    address = f"{account}@{names.DNS_DOMAIN}"
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{account}.{names.DNS_DOMAIN}")
    return {
        "mail": address,
        "mailNickname": account,
        "displayName": display_name,
        "proxyAddresses": [f"SMTP:{address}", f"smtp:{account}.alias@{names.DNS_DOMAIN}"],
        "legacyExchangeDN": f"{LEGACY_ROOT}/cn=Recipients/cn={identity.hex}-{account}",
        "homeMDB": DATABASE,
        "msExchHomeServerName": server_legacy_dn(names.EX1),
        "msExchMailboxGuid": identity.bytes_le,
        "msExchRecipientTypeDetails": "1",
        "msExchRecipientDisplayType": "1073741824",
        "msExchUserAccountControl": "0",
        "msExchVersion": str(OBJECT_VERSION),
        "mDBUseDefaults": "TRUE",
        "showInAddressBook": [DEFAULT_GAL, ALL_USERS],
    }


def add(samdb, dn, object_class, **attributes):
    """Add one object."""
    samdb.add({"dn": dn, "objectClass": object_class, **attributes})


def _add_address_lists(samdb):
    add(samdb, ADDRESS_LISTS, "msExchContainer")
    add(samdb, ALL_ADDRESS_LISTS, "addressBookContainer", displayName="All Address Lists")
    add(samdb, ALL_GLOBAL_LISTS, "addressBookContainer", displayName="All Global Address Lists")
    for dn, name in ((ALL_USERS, "All Users"), (DEFAULT_GAL, "Default Global Address List")):
        add(samdb, dn, "addressBookContainer", displayName=name)


def _add_server(samdb, node):
    dn = server_dn(node)
    add(
        samdb,
        dn,
        "msExchExchangeServer",
        serialNumber=SERVER_VERSION,
        versionNumber=str(SERVER_VERSION_NUMBER),
        msExchCurrentServerRoles=str(SERVER_ROLES),
        msExchServerSite=f"CN={names.SITE},CN=Sites,{names.CONFIG_DN}",
        msExchInstallPath=r"C:\Program Files\Microsoft\Exchange Server\V15",
        networkAddress=[f"ncacn_ip_tcp:{node.fqdn}", f"netbios:{node.name.upper()}"],
        legacyExchangeDN=server_legacy_dn(node),
    )
    add(samdb, f"CN=Protocols,{dn}", "msExchProtocolCfgProtocolContainer")
    add(samdb, f"CN=HTTP,CN=Protocols,{dn}", "msExchProtocolCfgHTTPContainer")
    for directory in VIRTUAL_DIRECTORIES:
        _add_virtual_directory(samdb, node, *directory)
    add(samdb, f"CN=Autodiscover,CN=Protocols,{dn}", "msExchProtocolCfgSharedContainer")
    add(
        samdb,
        scp_dn(node),
        "serviceConnectionPoint",
        keywords=[SCP_KEYWORD, f"Site={names.SITE}"],
        serviceBindingInformation=f"https://{names.AUTODISCOVER_NAME}/Autodiscover/Autodiscover.xml",
        serviceClassName="ms-Exchange-AutoDiscover-Service",
        serviceDNSName=node.name.upper(),
    )


def _add_virtual_directory(samdb, node, name, object_class, path, methods):
    if name == "Rpc":  # Outlook Anywhere keeps plain host names
        hosts = {"msExchInternalHostName": names.MAIL_NAME, "msExchExternalHostName": names.MAIL_NAME}
    elif path:
        url = f"https://{names.MAIL_NAME}{path}"
        hosts = {"msExchInternalHostName": url, "msExchExternalHostName": url}
    else:
        hosts = {}
    add(
        samdb,
        virtual_directory_dn(node, name),
        object_class,
        msExchMetabasePath=f"IIS://{node.fqdn}/W3SVC/1/ROOT/{name}",
        msExchInternalAuthenticationMethods=str(methods),
        msExchExternalAuthenticationMethods=str(methods),
        **hosts,
    )

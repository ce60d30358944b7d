"""What an Exchange organisation leaves in Active Directory: servers, virtual directories, databases, mailboxes."""

import uuid

import ldb

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
SECOND_DATABASE = f"CN=DB2,{DATABASES}"
TRANSPORT_SETTINGS = f"CN=Transport Settings,{ORGANIZATION}"
ACCEPTED_DOMAINS = f"CN=Accepted Domains,{TRANSPORT_SETTINGS}"
HYBRID_CONFIGURATION = f"CN=Hybrid Configuration,{ORGANIZATION}"
SCHEMA = f"CN=Schema,{names.CONFIG_DN}"
SCHEMA_VERSION = f"CN=ms-Exch-Schema-Version-Pt,{SCHEMA}"
ADDRESS_LISTS = f"CN=Address Lists Container,{ORGANIZATION}"
ALL_ADDRESS_LISTS = f"CN=All Address Lists,{ADDRESS_LISTS}"
ALL_GLOBAL_LISTS = f"CN=All Global Address Lists,{ADDRESS_LISTS}"
DEFAULT_GAL = f"CN=Default Global Address List,{ALL_GLOBAL_LISTS}"
ALL_USERS = f"CN=All Users,{ALL_ADDRESS_LISTS}"

SERVER_BUILD = (15, 2, 2562, 17)  # Exchange SE RTM; updates do not change it
ORGANIZATION_VERSION = 16763
MAILBOX_CREATED = "20250602080000.0Z"
SERVER_ROLES = 54  # mailbox, client access, unified messaging, hub transport
OBJECT_VERSION = 1130555651091488  # 0.20 (15.0.0.0), as Exchange 2013 and later write it on recipients
SCP_KEYWORD = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"

CLOUD_DOMAIN = "contoso.mail.onmicrosoft.com"
REMOTE_USER_MAILBOX = 2147483648  # msExchRecipientTypeDetails

# The service principal names of the store, of referral and of the address book over RPC.
RPC_SERVICES = ("exchangeMDB", "exchangeRFR", "exchangeAB")
RPC_HOSTS = (names.MAIL_NAME, *(host for node in names.NODES for host in (node.fqdn, node.name.upper())))
RPC_SPNS = tuple(f"{service}/{host}" for service in RPC_SERVICES for host in RPC_HOSTS)
WEB_SPNS = tuple(f"HTTP/{host}" for host in names.FRONTEND_NAMES)

# authentication methods as virtual directories keep them: a bit mask
BASIC, NTLM, FORMS, WINDOWS_INTEGRATED, WS_SECURITY, OAUTH, NEGOTIATE = 1, 2, 4, 16, 128, 1024, 8192
WEB_SERVICES = BASIC | NTLM | WINDOWS_INTEGRATED | WS_SECURITY | OAUTH

# name, object class, path of its URL, authentication methods
VIRTUAL_DIRECTORIES = (
    ("EWS", "msExchWebServicesVirtualDirectory", "/EWS/Exchange.asmx", WEB_SERVICES),
    ("owa", "msExchOWAVirtualDirectory", "/owa", BASIC | FORMS),
    ("ecp", "msExchECPVirtualDirectory", "/ecp", BASIC | FORMS),
    ("mapi", "msExchMapiVirtualDirectory", "/mapi", NTLM | OAUTH | NEGOTIATE),
    ("Rpc", "msExchRpcHttpVirtualDirectory", None, NTLM | BASIC | NEGOTIATE),
    ("OAB", "msExchOABVirtualDirectory", "/OAB", WINDOWS_INTEGRATED),
    ("Microsoft-Server-ActiveSync", "msExchMobileVirtualDirectory", "/Microsoft-Server-ActiveSync", BASIC),
    ("Autodiscover", "msExchAutoDiscoverVirtualDirectory", None, WEB_SERVICES),
)


def add_organization(samdb):
    """The organisation with two servers, a database on each, its domain and the address lists."""
    add(samdb, MICROSOFT_EXCHANGE, "msExchConfigurationContainer")
    add(
        samdb,
        ORGANIZATION,
        "msExchOrganizationContainer",
        objectVersion=str(ORGANIZATION_VERSION),
        msExchProductID=str(ORGANIZATION_VERSION),
        msExchMixedMode="FALSE",
    )
    add(samdb, ADMIN_GROUPS, "msExchAdminGroupContainer")
    add(samdb, ADMIN_GROUP_DN, "msExchAdminGroup", displayName=ADMIN_GROUP, legacyExchangeDN=LEGACY_ROOT)
    _add_address_lists(samdb)
    add(samdb, SERVERS, "msExchServersContainer")
    add(samdb, DATABASES, "msExchContainer")
    for node in names.NODES:
        _add_server(samdb, node)
    _add_database(samdb, DATABASE, names.EX1)
    _add_database(samdb, SECOND_DATABASE, names.EX2)
    add(samdb, TRANSPORT_SETTINGS, "msExchTransportSettings")
    add(samdb, ACCEPTED_DOMAINS, "msExchContainer")
    add_accepted_domain(samdb, names.DNS_DOMAIN, default=True)


def add_accepted_domain(samdb, domain, default=False):
    """A domain that the organisation takes mail for."""
    add(
        samdb,
        f"CN={domain},{ACCEPTED_DOMAINS}",
        "msExchAcceptedDomain",
        msExchAcceptedDomainName=domain,
        msExchAcceptedDomainFlags="4" if default else "0",
    )


def add_hybrid(samdb):
    """What the Hybrid Configuration Wizard leaves."""
    add(samdb, HYBRID_CONFIGURATION, "msExchContainer")
    add(
        samdb,
        f"CN=Hybrid Configuration,{HYBRID_CONFIGURATION}",
        "msExchCoexistenceRelationship",
        msExchCoexistenceDomains=[names.DNS_DOMAIN],
        msExchCoexistenceFeatureFlags="511",
    )
    add_accepted_domain(samdb, CLOUD_DOMAIN)


def set_build(samdb, node, build):
    """Let a server's object show another build."""
    replace(samdb, server_dn(node), serialNumber=serial_number(build), versionNumber=str(version_number(build)))


def add_scp(samdb, dn, server, host):
    """A service connection point by which clients of the site find Autodiscover."""
    add(
        samdb,
        dn,
        "serviceConnectionPoint",
        keywords=[SCP_KEYWORD, f"Site={names.SITE}"],
        serviceBindingInformation=f"https://{host}/Autodiscover/Autodiscover.xml",
        serviceClassName="ms-Exchange-AutoDiscover-Service",
        serviceDNSName=server,
    )


def serial_number(build):
    """A build as servers show it: `Version 15.2 (Build 32562.17)`; from 2013 on their builds count from 30000."""
    major, minor, number, revision = build
    return f"Version {major}.{minor} (Build {30000 + number}.{revision})"


def version_number(build):
    """A build packed into 32 bits: nibble 7, six bits major, six bits minor, a flag, 15 bits build."""
    major, minor, number, _revision = build
    return 0x70008000 | major << 22 | minor << 16 | number


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
        "msExchWhenMailboxCreated": MAILBOX_CREATED,
        "msExchVersion": str(OBJECT_VERSION),
        "mDBUseDefaults": "TRUE",
        "showInAddressBook": [DEFAULT_GAL, ALL_USERS],
    }


def remote_attributes(address):
    """What a user's object has whose mailbox is in Exchange Online, under this address."""
    return {
        "targetAddress": f"SMTP:{address}",
        "msExchRecipientTypeDetails": str(REMOTE_USER_MAILBOX),
        "msExchRecipientDisplayType": "-2147483642",
        "msExchRemoteRecipientType": "4",  # migrated
    }


def add(samdb, dn, object_class, **attributes):
    """Add one object."""
    samdb.add({"dn": dn, "objectClass": object_class, **attributes})


def replace(samdb, dn, **attributes):
    """Give attributes of an object these values and no others; an empty list removes one."""
    message = ldb.Message(ldb.Dn(samdb, dn))
    for name, value in attributes.items():
        message[name] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, name)
    samdb.modify(message)


def _add_address_lists(samdb):
    add(samdb, ADDRESS_LISTS, "msExchContainer")
    add(samdb, ALL_ADDRESS_LISTS, "addressBookContainer", displayName="All Address Lists")
    add(samdb, ALL_GLOBAL_LISTS, "addressBookContainer", displayName="All Global Address Lists")
    for dn, name in ((ALL_USERS, "All Users"), (DEFAULT_GAL, "Default Global Address List")):
        add(samdb, dn, "addressBookContainer", displayName=name)


def _add_database(samdb, dn, node):
    name = dn.partition(",")[0].removeprefix("CN=")
    add(
        samdb,
        dn,
        "msExchPrivateMDB",
        displayName=name,
        msExchOwningServer=server_dn(node),
        msExchEDBFile=f"D:\\Databases\\{name}\\{name}.edb",
        legacyExchangeDN=f"{server_legacy_dn(node)}/cn=Microsoft Private MDB",
    )


def _add_server(samdb, node):
    dn = server_dn(node)
    add(
        samdb,
        dn,
        "msExchExchangeServer",
        serialNumber=serial_number(SERVER_BUILD),
        versionNumber=str(version_number(SERVER_BUILD)),
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
    add_scp(samdb, scp_dn(node), node.name.upper(), names.AUTODISCOVER_NAME)


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

/*
 * The application server's registry, as exported to files: what the vendor checklist asks of it.
 * Pure.
 */
#ifndef REPORT_REGISTRY_H
#define REPORT_REGISTRY_H

#include "probes/survey.h"

struct registry;

/* In the arena, which must outlive what it gives. */
struct registry *registry_new(struct arena *arena);
/* One more file (net/wire/regfile.h); what it says replaces what earlier ones said. The fault's
 * text begins with the file's name. */
bool registry_add(struct registry *registry, const char *file, const void *bytes, size_t length,
    struct fault *fault);

/* First of
 *   registry.files          LIST  their names
 *   registry.keys           LIST  which of the keys asked for they have: only there is what is not
 *                                 found not there
 *   registry.mapi_cdo       TEXT  version of MAPI Client and CDO; "" where the entry has none
 *   registry.outlook        LIST  signs of Outlook: "Uninstall: Microsoft Outlook MUI (English)
 * 2016 16.0.4266", "App Paths: C:\…\OUTLOOK.EXE", "ClickToRun: …", "Clients\Mail: Microsoft
 * Outlook"; suites that may have it, too registry.mail_clients   LIST
 * "SOFTWARE\Clients\Mail=ExchangeMAPI" registry.lm_compatibility INT LmCompatibilityLevel
 *   registry.domain         TEXT  the machine's DNS domain, "" in a workgroup
 */
struct fact *registry_facts(struct registry *registry);

/* Names in registry.keys. */
#define REGISTRY_UNINSTALL "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
#define REGISTRY_UNINSTALL_WOW \
    "SOFTWARE\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
#define REGISTRY_CLIENTS     "SOFTWARE\\Clients\\Mail"
#define REGISTRY_CLIENTS_WOW "SOFTWARE\\Wow6432Node\\Clients\\Mail"
#define REGISTRY_LSA         "SYSTEM\\CurrentControlSet\\Control\\Lsa"
#define REGISTRY_TCPIP       "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters"

#endif

"""What every run against a lab with a fault must show, whatever the fault is."""

from labtools import LAYERS, Lab, cells, clean, describe, expect

EXIT_OF_SEVERITY = {"fail": 2, "warn": 1, "info": 0}


def blocked_cells_are_behind_a_break(survey):
    for row in survey["rows"]:
        broken = False
        for layer in LAYERS:
            cell = row["cells"].get(layer)
            if cell is None:
                continue
            if broken:
                expect(cell["outcome"] in ("blocked", "skipped"),
                       f"{row['id']} {layer} is {cell['outcome']} behind a break\n" + describe(survey))
            if cell["outcome"] == "blocked":
                expect(cell["blocked_by"], f"{row['id']} {layer} is blocked by nothing")
            broken = broken or cell["outcome"] in ("fail", "error")


def fault_is_first(fault, lab_of=Lab):
    """Runs against a lab with this fault, or another form of it ("N06-site"); the survey and the AD's counts."""
    rule = fault.partition("-")[0]
    with lab_of(fault) as lab:
        survey = lab.survey()
        text = describe(survey)
        expect(survey["findings"], "no finding\n" + text)
        first = survey["findings"][0]
        expect(first["rule"] == rule, text)
        expect(first["evidence"] and first["fix"] and first["checks"], "evidence, fix or checks are missing")
        expect(survey["exit_code"] == EXIT_OF_SEVERITY[first["severity"]], text)
        breaks_at = survey["verdict"]["breaks_at"]
        expect((breaks_at or {}).get("rule") == (rule if first["severity"] == "fail" else None), text)
        blocked_cells_are_behind_a_break(survey)
        expect(not list(cells(survey, "error")), text)
        for other in survey["findings"][1:]:
            expect(other["caused_by"] is not None or other["severity"] != "fail", f"a second root cause\n{text}")
        result = lab.exreach()
        clean(result)
        expect(rule in result.stdout, "the text report does not name it:\n" + result.stdout)
        return survey, lab.audit("svc")


def others_are_right(survey, touched):
    """Rows of services that the fault does not touch pass, and those that can, to the mailbox."""
    for row, layer, cell in cells(survey):
        expect(cell["outcome"] in ("pass", "skipped") or row["service"] in touched,
               f"{row['id']} {layer} is {cell['outcome']}: {cell['summary']}\n" + describe(survey))
    for row in survey["rows"]:
        whole = row["service"] != "dns" and row["service"] != "kerberos" and row["port"] != 80
        if whole and row["service"] not in touched and row["host"] != "contoso.test":
            expect(row["cells"]["mailbox"]["outcome"] == "pass", f"{row['id']}\n" + describe(survey))

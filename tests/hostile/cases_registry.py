"""--registry: exports that nobody's regedit wrote. One line and exit 3, or the checklist answered as far as they go."""

from case import Case, Cell
from world import GOOD

HEADER = "Windows Registry Editor Version 5.00\r\n\r\n"
LSA = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa]\r\n"
MAIL = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Clients\\Mail]\r\n"
UNINSTALL = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall"
NASTY = "\x1b[2J\x07\u202e\x9b31m"


def wide(text):
    return b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")


def registry(number, what, *files, refused=None, answered=()):
    """refused: words of the one line. answered: (item, outcomes) of the checklist."""
    def setup(world):
        for index, data in enumerate(files):
            path = data if isinstance(data, str) else world.file(f"export{index}.reg", data)
            world.option("--registry", path)
        world.good()

    def check(run):
        items = {item["item"]: item for item in run.survey["checklist"]}
        return [f"{name} is {items[name]['outcome']}: {items[name]['summary']}" for name, outcomes in answered
                if items[name]["outcome"] not in outcomes.split("|")]
    cells = [] if refused else [Cell("mailbox", "pass", host=GOOD)]
    return Case(number, what, setup, *cells, good=None if refused else "mailbox", check=check, refused=refused)


registry("O6.1", "--registry: no export at all", b"hello\n", refused="export0.reg")
registry("O6.2", "--registry: an empty file", b"", refused="export0.reg")
registry("O6.3", "--registry: a file that is not there", "/nowhere/at/all.reg", refused="/nowhere/at/all.reg")
registry("O6.4", "--registry: a directory", "/", refused="")
registry("O6.5", "--registry: a device without an end", "/dev/zero", refused="/dev/zero")
registry("O6.6", "--registry: NUL within a line", (HEADER + LSA + '"a\0b"="c"\r\n').encode(), refused="line 4")
registry("O6.7", "--registry: half a character at the end", wide(HEADER + LSA)[:-1], refused="line")
registry("O6.8", "--registry: a line of 2 MB", wide(HEADER + "[HKEY_X\\" + "k" * (2 << 20) + "]\r\n"), refused="line 3")
registry("O6.9", "--registry: a text without an end", (HEADER + LSA + '"x"="').encode(), refused="line 4")
registry("O6.10", "--registry: hexadecimal that is none", (HEADER + LSA + '"x"=hex:zz\r\n').encode(), refused="line 4")
registry("O6.11", "--registry: the second file is bad, and said so", wide(HEADER + LSA), b"\xff\xfe", refused="export1.reg")
registry("O6.12", "--registry: control characters in the line that is wrong",
         (HEADER + LSA + f'"{NASTY}"={NASTY}\r\n').encode(), refused="line 4")
registry("O6.13", "--registry: no end of the last line, comments, blank lines, no CR",
         b"\xef\xbb\xbf" + (HEADER + "; a comment\n\n\n" + LSA + '"LmCompatibilityLevel"=dword:00000005').replace(
             "\r", "").encode(), answered=[("faq-2013-4", "pass")])
registry("O6.14", "--registry: 100,000 lines, the same value again and again",
         (HEADER + LSA + '"LmCompatibilityLevel"=dword:00000001\r\n' * 100000).encode(), answered=[("faq-2013-4", "fail")])
registry("O6.15", "--registry: surrogates, control characters and junk as mail clients and programs", wide(
    HEADER + MAIL + f'@="{NASTY}\udc00\ud800"\r\n' + "".join(
        f'{UNINSTALL}\\{index}]\r\n"DisplayName"="MAPI Client {NASTY}"\r\n"DisplayVersion"="9.{"9" * 4000}"\r\n'
        for index in range(50))), answered=[("faq-5", "fail")])
registry("O6.16", "--registry: 5,000 programs that are Outlook", (HEADER + "".join(
    f'{UNINSTALL}\\{index}]\r\n"DisplayName"="Microsoft Outlook {index}"\r\n' for index in range(5000))).encode(),
         answered=[("faq-4", "fail")])
registry("O6.17", "--registry: the same file five times", *[(HEADER + MAIL + '@="ExchangeMAPI"\r\n').encode()] * 5,
         answered=[("faq-5", "pass")])
registry("O6.18", "--registry: a value before any key", (HEADER + '"a"=dword:00000005\r\n' + LSA).encode(),
         refused="line 3")
registry("O6.19", "--registry: deleted keys and values", (HEADER + LSA.replace("[", "[-") + LSA + '"x"=-\r\n').encode())

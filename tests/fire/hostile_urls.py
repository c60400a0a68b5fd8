"""Links that lead to where a bot must never go, in the clothes that such links come in.

`HOSTS` are hosts as they stand in a URL; `NAMES` are names with what a resolver says of each.
"""

import ipaddress
from collections.abc import Iterator

#: Addresses that are this machine, its network, its cloud, or nobody's.
INSIDE = (
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "10.255.255.254", "172.16.0.1"),
    *("172.31.255.1", "192.168.1.1", "169.254.169.254", "169.254.170.2", "100.64.0.1"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1"),
    *("255.255.255.255", "240.0.0.1", "192.0.2.1"),
)
#: The same in IPv6, and what has no other form.
INSIDE_V6 = (
    *("::", "::1", "fe80::1", "fe80::1%25eth0", "fe80::1%25lo", "fec0::1", "fc00::1", "fd00::1"),
    *("fd00:ec2::254", "ff02::1", "ff0e::1", "2001:db8::1", "2001:10::1", "2001:20::1"),
    *("3fff::1", "5f00::1", "100::1", "0:0:0:0:0:0:0:1", "::0001", "0000::1", "4000::1"),
)
_FULL = str.maketrans("0123456789.", "０１２３４５６７８９．")
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_BOLD = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def forms(address: str) -> Iterator[str]:
    """The hosts that mean an IPv4 *address* to somebody: numbers, letters, IPv6 around it."""
    whole = int(ipaddress.IPv4Address(address))
    a, b, c, d = (int(each) for each in address.split("."))
    yield address
    yield from (f"{address}.", f"{address}%00", f"{address}%2e", f" {address}", f"{address} ")
    yield from (str(whole), hex(whole), f"0{whole:o}", f"{whole:#010X}", str(whole + 2**32))
    yield from (f"{a}.{whole % 2**24}", f"{a}.{b}.{whole % 2**16}", f"{a:#x}.{whole % 2**24:#x}")
    yield from (f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}")
    yield from (f"{a:03}.{b:03}.{c:03}.{d:03}", f"0000{a:o}.{b}.{c}.{d}", f"{a}.{b}.{c}.0x{d:x}")
    yield from (address.translate(each) for each in (_FULL, _CIRCLED, _BOLD, _ARABIC))
    yield from (address.replace(".", dot) for dot in ("。", "．", "｡", "%2E"))
    yield "".join(f"%{ord(each):02x}" for each in address)
    high, low = f"{whole >> 16:x}", f"{whole & 0xFFFF:x}"
    yield from (f"[::ffff:{address}]", f"[::ffff:{high}:{low}]", f"[::{address}]")
    yield from (f"[::ffff:0:{address}]", f"[0:0:0:0:0:ffff:{high}:{low}]")
    yield from (f"[64:ff9b::{high}:{low}]", f"[64:ff9b:1::{high}:{low}]", f"[2002:{high}:{low}::]")
    teredo = whole ^ 0xFFFFFFFF
    yield f"[2001:0:808:808:0:0:{teredo >> 16:x}:{teredo & 0xFFFF:x}]"


HOSTS = (
    *(form for address in INSIDE for form in forms(address)),
    *(f"[{each}]" for each in INSIDE_V6),
)
#: What a resolver says of names: one answer, or one after the other each time that it is asked.
NAMES: dict[str, list[list[str]]] = {
    **{f"inside-{n}.example": [[each]] for n, each in enumerate((*INSIDE, *INSIDE_V6))},
    **{f"half-{n}.example": [["8.8.8.8", each]] for n, each in enumerate(INSIDE)},
    **{
        f"last-{n}.example": [["2606:4700::1111", "8.8.8.8", each]] for n, each in enumerate(INSIDE)
    },
    "nowhere.example": [[]],
    "nonsense.example": [["localhost"], ["127.0.0.1:443"], ["not an address"]],
    "localhost": [["127.0.0.1", "::1"]],
    "localhost.": [["127.0.0.1"]],
    "LOCALHOST": [["127.0.0.1"]],
    "metadata.google.internal": [["169.254.169.254"]],
    "instance-data": [["169.254.169.254"]],
}
#: Names that are public when somebody looks, and inside when somebody connects.
REBINDING: dict[str, list[list[str]]] = {
    f"rebinding-{n}.example": [["8.8.8.8"], [each]] for n, each in enumerate(INSIDE)
}
#: Links that are wrong by their looks, whatever stands behind them.
LOOKS = (
    *("http://a.example/", "ftp://a.example/", "file:///etc/passwd", "gopher://127.0.0.1:70/_"),
    *("data:text/html,x", "javascript:alert(1)", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/"),
    *("https:///etc/passwd", "https:127.0.0.1", "https:/127.0.0.1/", "//127.0.0.1/", "https://"),
    *("https://a.example@127.0.0.1/", "https://127.0.0.1@a.example/", "https://a.example:22/"),
    *("https://a.example:80/", "https://a.example:0443/x@127.0.0.1", "https://a.example:65536/"),
    *("https://a.example\\@127.0.0.1/", "https://127.0.0.1\\.a.example/", "https://a.example#@"),
    *("https://127.0.0.1#.a.example/", "https://127.0.0.1?.a.example/", "https://127.0.0.1;a/"),
    *("https://127.0.0.1%23.a.example/", "https://127.0.0.1%2f.a.example/", "https://[::1"),
    *("https://::1/", "https://[::1]:8443/", "https://[127.0.0.1]/", "https://[v1.x]/"),
    *("https://127.0.0.1\r\nHost: a.example/", "https://a.example/\r\n\r\nGET / HTTP/1.1"),
    *("https://127.0.0.1\t/", "https://\u202e127.0.0.1/", "https://127.0.0.1\u00ad/"),
    *("https://127\u200b.0.0.1/", "https://127.0.0.1\u3002/", "unix:///var/run/docker.sock"),
    "https://a.example/" + "a" * 3000,
)

"""Protocol counters, sockets and queues of the host's network stack. Names as in node_exporter."""

from __future__ import annotations

import re

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source

# Which of the kernel's several hundred protocol counters are worth a series; the choice node_exporter makes.
_WANTED = re.compile(
    "|".join(
        (
            r".*_(InErrors|InErrs)",
            r"Ip_Forwarding",
            r"Ip(6|Ext)_(InOctets|OutOctets)",
            r"Icmp6?_(InMsgs|OutMsgs)",
            r"TcpExt_(Listen\w*|Syncookies\w*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)",
            r"Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)",
            r"Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors)",
        )
    )
)
_SIX = re.compile(r"(Ip6|Icmp6|Udp6|UdpLite6)(\w+)")
_PAGE_BYTES = 4096.0
_SOFTNET = (
    (0, "node_softnet_processed_total", "Packets processed.", True),
    (1, "node_softnet_dropped_total", "Packets dropped.", True),
    (2, "node_softnet_times_squeezed_total", "Times the budget ran out.", True),
    (8, "node_softnet_cpu_collision_total", "Collisions on the transmit lock.", True),
    (9, "node_softnet_received_rps_total", "Times woken by another CPU.", True),
    (10, "node_softnet_flow_limit_count_total", "Times the flow limit was reached.", True),
    (11, "node_softnet_backlog_len", "Packets waiting in the backlog.", False),
)


class Netstat:
    """Protocol counters; remembers which columns are wanted, since they never change while a kernel runs."""

    def __init__(self) -> None:
        self._columns: dict[str, list[tuple[int, str]]] = {}

    def collect(self, source: Source, out: MetricBuilder) -> None:
        """Add the chosen counters of ``netstat``, ``snmp`` and ``snmp6``. Raises OSError."""
        for file in ("netstat", "snmp"):
            lines = source.net_text(file).splitlines()
            for names, values in zip(lines[::2], lines[1::2], strict=False):
                chosen = self._columns.get(names)
                if chosen is None:
                    chosen = self._choose(names)
                row = values.split()
                for index, name in chosen:
                    _untyped(out, name, row[index])
        try:
            _six(source.net_text("snmp6"), out)
        except OSError:
            return  # a host without IPv6

    def _choose(self, names: str) -> list[tuple[int, str]]:
        protocol, *columns = names.split()
        full = [(i, f"{protocol[:-1]}_{column}") for i, column in enumerate(columns, start=1)]
        chosen = [(index, name) for index, name in full if _WANTED.fullmatch(name)]
        self._columns[names] = chosen
        return chosen


def _six(text: str, out: MetricBuilder) -> None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        match = _SIX.match(key)
        if match and _WANTED.fullmatch(name := f"{match[1]}_{match[2].strip()}"):
            _untyped(out, name, value)


def _untyped(out: MetricBuilder, name: str, value: str) -> None:
    out.untyped(f"node_netstat_{name}", f"The kernel's protocol counter {name}.", float(value))


def sockstat(source: Source, out: MetricBuilder) -> None:
    """Add sockets in use by protocol. Raises OSError."""
    for file in ("sockstat", "sockstat6"):
        try:
            lines = source.net_text(file).splitlines()
        except OSError:
            if file == "sockstat":
                raise
            continue  # a host without IPv6
        for line in lines:
            protocol, *pairs = line.replace(":", "").split()
            for key, value in zip(pairs[::2], pairs[1::2], strict=False):
                _socket(out, protocol, key, float(value))


def _socket(out: MetricBuilder, protocol: str, key: str, value: float) -> None:
    name = f"node_sockstat_{protocol}_{key}"
    out.gauge(name, f"Of sockstat's line {protocol}: {key}.", value)
    if key == "mem":
        out.gauge(f"{name}_bytes", f"Memory of {protocol} sockets.", value * _PAGE_BYTES)


def softnet(source: Source, out: MetricBuilder) -> None:
    """Add packet processing by CPU. Raises OSError."""
    for number, line in enumerate(source.net_text("softnet_stat").splitlines()):
        columns = line.split()
        # column 12 names the CPU on kernels since 5.14; before that the line's number is all there is
        cpu = str(int(columns[12], 16)) if len(columns) > 12 else str(number)
        for column, name, text, counts in _SOFTNET:
            if column < len(columns):
                add = out.counter if counts else out.gauge
                add(name, text, float(int(columns[column], 16)), {"cpu": cpu})


def udp_queues(source: Source, out: MetricBuilder) -> None:
    """Add the bytes that wait in UDP sockets. Raises OSError."""
    for file, version in (("udp", "v4"), ("udp6", "v6")):
        try:
            lines = source.net_text(file).splitlines()[1:]
        except OSError:
            if file == "udp":
                raise
            continue
        sums = [0, 0]
        for line in lines:
            sent, _, received = line.split(None, 5)[4].partition(":")
            sums[0] += int(sent, 16)
            sums[1] += int(received, 16)
        for queue, total in zip(("tx", "rx"), sums, strict=True):
            out.gauge(
                "node_udp_queues",
                "Bytes that wait in UDP sockets.",
                total,
                {"ip": version, "queue": queue},
            )


def arp(source: Source, out: MetricBuilder) -> None:
    """Add the number of neighbours known by device. Raises OSError."""
    counts: dict[str, int] = {}
    for line in source.net_text("arp").splitlines()[1:]:
        device = line.split()[-1]
        counts[device] = counts.get(device, 0) + 1
    for device, count in counts.items():
        out.gauge("node_arp_entries", "Neighbours known.", count, {"device": device})


def conntrack(source: Source, out: MetricBuilder) -> None:
    """Add the use of the connection tracking table.

    Only where the service runs on the host itself: the kernel shows this table for the reader's own network
    namespace, wherever proc is mounted, so in a container it would be another's. Raises OSError.
    """
    if source.mounted:
        return
    for file, name, text in (
        ("count", "node_nf_conntrack_entries", "Connections tracked."),
        ("max", "node_nf_conntrack_entries_limit", "Connections that can be tracked."),
    ):
        out.gauge(name, text, float(source.text(f"sys/net/netfilter/nf_conntrack_{file}")))

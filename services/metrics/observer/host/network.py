"""Network interfaces: traffic from ``net/dev``, state from ``/sys/class/net``. Names as in node_exporter."""

from __future__ import annotations

from collections.abc import Callable

from services.metrics.metric_builder import MetricBuilder
from services.metrics.observer.host.source import Source, names, read_line

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")


def _hexadecimal(text: str) -> float:
    return float(int(text, 16))


def _speed(text: str) -> float:
    return float(text) * 125_000  # megabits to bytes


# sysfs file -> (name, is it a counter, how to read it)
_ATTRIBUTES: dict[str, tuple[str, bool, Callable[[str], float]]] = {
    "addr_assign_type": ("address_assign_type", False, float),
    "carrier": ("carrier", False, float),
    "carrier_changes": ("carrier_changes_total", True, float),
    "carrier_down_count": ("carrier_down_changes_total", True, float),
    "carrier_up_count": ("carrier_up_changes_total", True, float),
    "dev_id": ("device_id", False, _hexadecimal),
    "dormant": ("dormant", False, float),
    "flags": ("flags", False, _hexadecimal),
    "ifindex": ("iface_id", False, float),
    "iflink": ("iface_link", False, float),
    "link_mode": ("iface_link_mode", False, float),
    "mtu": ("mtu_bytes", False, float),
    "name_assign_type": ("name_assign_type", False, float),
    "netdev_group": ("net_dev_group", False, float),
    "statistics/rx_nohandler": ("receive_nohandler_total", True, float),
    "speed": ("speed_bytes", False, _speed),
    "tx_queue_len": ("transmit_queue_length", False, float),
    "type": ("protocol_type", False, float),
}


def netdev(source: Source, out: MetricBuilder) -> None:
    """Add the traffic of every interface. Raises OSError."""
    for line in source.net_text("dev").splitlines()[2:]:
        device, _, rest = line.partition(":")
        values = [float(field) for field in rest.split()]
        labels = {"device": device.strip()}
        for direction, columns, part in (
            ("receive", _RECEIVE, values[:8]),
            ("transmit", _TRANSMIT, values[8:16]),
        ):
            for name, value in zip(columns, part, strict=False):
                out.counter(
                    f"node_network_{direction}_{name}_total",
                    f"The column {name} of /proc/net/dev, {direction}.",
                    value,
                    labels,
                )


def netclass(source: Source, out: MetricBuilder) -> None:
    """Add the state of every interface. Raises OSError when the list cannot be read."""
    base = f"{source.sys}/class/net"
    for device in sorted(names(base)):
        folder = f"{base}/{device}"
        if (
            _read(folder, "ifindex") is None
        ):  # a plain file such as bonding_masters, or gone meanwhile
            continue
        _attributes(folder, {"device": device}, out)
        _info(folder, device, out)


def _attributes(folder: str, labels: dict[str, str], out: MetricBuilder) -> None:
    for file, (name, counts, convert) in _ATTRIBUTES.items():
        text = _read(folder, file)
        if (
            text is None
        ):  # the kernel refuses what makes no sense for this interface or while it is down
            continue
        try:
            value = convert(text)
        except ValueError:
            continue
        add = out.counter if counts else out.gauge
        add(f"node_network_{name}", f"The file {file} of /sys/class/net.", value, labels)


def _info(folder: str, device: str, out: MetricBuilder) -> None:
    state = _read(folder, "operstate") or ""
    flags = _read(folder, "flags")
    out.gauge(
        "node_network_up",
        "1 when the interface is up.",
        1 if state == "up" else 0,
        {"device": device},
    )
    admin = "up" if flags and int(flags, 16) & 1 else "down"
    out.gauge(
        "node_network_info",
        "What is known of an interface, in labels.",
        1,
        {
            "address": _read(folder, "address") or "",
            "adminstate": admin if flags else "unknown",
            "broadcast": _read(folder, "broadcast") or "",
            "device": device,
            "duplex": _read(folder, "duplex") or "",
            "ifalias": _read(folder, "ifalias") or "",
            "operstate": state,
        },
    )


def _read(folder: str, file: str) -> str | None:
    try:
        return read_line(f"{folder}/{file}").decode("utf-8", "replace").strip()
    except OSError:
        return None

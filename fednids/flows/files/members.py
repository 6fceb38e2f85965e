"""Choosing the flow file in a zip archive, and refusing archives that are not safe."""

from __future__ import annotations

import re
import stat
import zipfile

from fednids.errors import DataError
from fednids.flows.files.header import LONGEST_HEADER, looks_like_flows
from fednids.flows.files.messages import data_error, shown

_ENCRYPTED = 0x1
_UNPACKABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def choose_member(folder: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    """Find the one member of an archive that holds flows.

    Parameters
    ----------
    folder : zipfile.ZipFile
        The open archive. Nothing of it is ever written to disk.
    where : str
        Name of the archive in complaints.

    Returns
    -------
    zipfile.ZipInfo
        The member called ``*.csv`` whose header is that of a flow file.

    Raises
    ------
    fednids.errors.DataError
        No or several such members, a member whose path leads out of the archive, a symbolic
        link, an encrypted member, or a method of compression other than deflate.
    """
    for member in folder.infolist():
        _check_safe(member, where)
    tables = [member for member in folder.infolist() if member.filename.lower().endswith(".csv")]
    for member in tables:
        _check_unpackable(member, where)
    flows = [member for member in tables if _holds_flows(folder, member)]
    if len(flows) != 1:
        raise _not_one(flows, where)
    return flows[0]


def _check_safe(member: zipfile.ZipInfo, where: str) -> None:
    name = member.orig_filename
    parts = re.split(r"[/\\]", name)
    climbs = ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name) is not None
    if climbs or stat.S_ISLNK(member.external_attr >> 16):
        raise data_error(
            f"{where}, member {shown(name)}",
            expected="a path inside the archive",
            came="one that leads out of it" if climbs else "a symbolic link",
            remedy="do not trust this archive; fetch it from its publisher",
        )


def _check_unpackable(member: zipfile.ZipInfo, where: str) -> None:
    encrypted = member.flag_bits & _ENCRYPTED
    if encrypted or member.compress_type not in _UNPACKABLE:
        raise data_error(
            f"{where}, member {shown(member.filename)}",
            expected="plain or deflated data",
            came="encrypted data" if encrypted else f"compression method {member.compress_type}",
            remedy="unpack the archive yourself and name the CSV",
        )


def _holds_flows(folder: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    with folder.open(member) as stream:
        return looks_like_flows(stream.readline(LONGEST_HEADER))


def _not_one(flows: list[zipfile.ZipInfo], where: str) -> DataError:
    names = ", ".join(shown(member.filename) for member in flows[:3])
    return data_error(
        where,
        expected="one CSV of flows in the archive",
        came=f"{len(flows)} ({names}{', ...' if len(flows) > 3 else ''})" if flows else "none",
        remedy="unpack the archive and name one CSV",
    )

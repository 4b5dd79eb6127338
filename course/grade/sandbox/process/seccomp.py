"""System calls that no notebook needs, refused for good by a filter of the Linux kernel's.

The student's process calls `forbid` on itself. It closes what namespaces and limits leave open: new user
namespaces, which give privileges inside them; memory that is counted nowhere (memfd, System V); keyrings, which
outlive a process; watches of files, which are counted for all that a user runs; the way to another processor than the
submission's own; tracing and mounting; io_uring, bpf and perf, the kernel's weak spots; and sockets of other families
than those of an ordinary program (AF_VSOCK leads to the host of a virtual machine, AF_ALG into the kernel).
"""

import ctypes
import errno
import platform
import struct

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column below, number in the audit interface
CLONE, CLONE3, SOCKET, SOCKETPAIR = (56, 220), (435, 435), (41, 198), (53, 199)
FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6; AF_NETLINK, by which the C library asks for addresses
REFUSED = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "unshare": (272, 97),
    "setns": (308, 268),
    "chroot": (161, 51),
    "pivot_root": (155, 41),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "sched_setaffinity": (203, 122),
    "inotify_init": (253, 26),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}

CLONE_NEWUSER = 0x10000000
OTHER_ABI = 0x40000000  # numbers from here on are those of x32
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # the latter with the number of the error
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # operations of classic BPF
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def forbid(libc: ctypes.CDLL) -> None:
    """Refuse the calls from here on, where this machine is known. Needs `no_new_privs`."""
    if platform.machine() not in MACHINES:
        return
    program = _program(*MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls was not accepted")


def _program(column: int, architecture: int) -> bytes:
    """The filter, as instructions of eight bytes: operation, jump if true, jump if not, operand.

    Jumps are counted from the instruction that follows; here they are names of places, "" is the next instruction.
    """
    refused = [("", EQUAL, "refuse", "", call[column]) for call in REFUSED.values()]
    families = [("", EQUAL, "allow", "", family) for family in FAMILIES]
    steps = [
        ("", LOAD, "", "", ARCHITECTURE),
        ("", EQUAL, "", "refuse", architecture),
        ("", LOAD, "", "", NUMBER),
        ("", AT_LEAST, "refuse", "", OTHER_ABI),
        *refused,
        (
            "",
            EQUAL,
            "unknown",
            "",
            CLONE3[column],
        ),  # its flags lie in memory; told that there is none, libc takes clone
        ("", EQUAL, "clone", "", CLONE[column]),
        ("", EQUAL, "socket", "", SOCKET[column]),
        ("", EQUAL, "socket", "allow", SOCKETPAIR[column]),
        ("socket", LOAD, "", "", FIRST_ARGUMENT),
        *families,
        ("refuse", RETURN, "", "", REFUSE | errno.EPERM),
        ("clone", LOAD, "", "", FIRST_ARGUMENT),
        ("", ANY_BIT, "refuse_clone", "", CLONE_NEWUSER),
        ("allow", RETURN, "", "", ALLOW),
        ("refuse_clone", RETURN, "", "", REFUSE | errno.EPERM),
        ("unknown", RETURN, "", "", REFUSE | errno.ENOSYS),
    ]
    places = {name: number for number, (name, *_) in enumerate(steps) if name}

    def jump(number: int, name: str) -> int:
        return places[name] - number - 1 if name else 0

    return b"".join(
        struct.pack("HBBI", operation, jump(number, yes), jump(number, no), operand)
        for number, (_, operation, yes, no, operand) in enumerate(steps)
    )

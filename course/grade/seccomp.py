"""System calls that no notebook needs, refused for good by a filter of the Linux kernel's.

The student's process calls `forbid` on itself. It closes what namespaces and limits leave open: new user
namespaces, which give privileges inside them; memory that is counted nowhere (memfd, System V); keyrings, which
outlive a process; tracing and mounting; and io_uring, bpf and perf, the kernel's weak spots.
"""

import ctypes
import errno
import platform
import struct

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column below, number in the audit interface
CLONE, CLONE3 = (56, 220), (435, 435)
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

    Jumps are counted from the instruction that follows.
    """
    numbers = [call[column] for call in REFUSED.values()]
    steps = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, len(numbers) + 5, 0, OTHER_ABI),
        *((EQUAL, len(numbers) + 4 - index, 0, number) for index, number in enumerate(numbers)),
        (EQUAL, 5, 0, CLONE3[column]),  # its flags lie in memory; told that there is none, the C library takes clone
        (EQUAL, 0, 2, CLONE[column]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 1, 0, CLONE_NEWUSER),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)

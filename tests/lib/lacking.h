/* lacking.h - a kernel that does not know a system call: it answers ENOSYS from here on, to this
 * process and its children, for good. So what is for old kernels is tried on new ones, in a child.
 * Why a filter: nothing in the code under test knows of it. */
#pragma once
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* False: no filter can be set here. */
static inline bool kernel_lacks(long number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog all = {.len = sizeof code / sizeof *code, .filter = code};
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all);
}

/* What `does` returns in a child: what is done there for good is done there alone. A crash: -1. */
static inline int in_child(int (*does)(void *arg), void *arg)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0)
		_exit(does(arg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

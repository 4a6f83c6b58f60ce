/* shared_memory.c - see shared_memory.h. Sealed: nobody who has it can make it smaller under
 * others. */
#include "base/shared_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

RC shared_memory_make(int *fd, size_t size, struct err *e)
{
	*fd = memfd_create("weir", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return err_errno(e, errno, "shared memory");
	if (!ftruncate(*fd, (off_t)size) && !fcntl(*fd, F_ADD_SEALS, SEALS))
		return OK;
	int errnum = errno;
	close(*fd);
	*fd = -1;
	return err_errno(e, errnum, "shared memory");
}

void *shared_memory_map(int fd, size_t size)
{
	struct stat st;
	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) || (size_t)st.st_size != size)
		return NULL;
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

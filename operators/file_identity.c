/* file_identity.c - see file_identity.h. */
#include "operators/file_identity.h"

#include "base/check.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *number_text(uint64_t n, char to[COMMAS_TEXT])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
	char *p = to;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*p++ = ',';
		*p++ = digits[i];
	}
	*p = '\0';
	return to;
}

enum rc file_changed(struct err *e, const char *name, uint64_t counted)
{
	char n[COMMAS_TEXT];
	return ERR(e, E_CHANGED, "%s changed before byte %s, which is already counted", name,
		   number_text(counted, n));
}

RC file_head_hash(struct fs *fs, int fd, const char *name, uint64_t bound, uint64_t *hash,
		  struct err *e)
{
	uint8_t head[HEAD_BYTES];
	size_t want = bound < HEAD_BYTES ? (size_t)bound : HEAD_BYTES, got;
	enum rc rc = fs_pread(fs, fd, head, want, 0, &got, e);
	if (rc != OK)
		return rc;
	if (got != want)
		return ERR(e, E_CHANGED, "%s became shorter while it was read", name);
	*hash = checksum64(head, got);
	return OK;
}

uint64_t file_tail_hash(const void *data, size_t len)
{
	CHECK(len && len <= TAIL_BYTES);
	return checksum64(data, len);
}

uint64_t file_tail_hash_two(const void *a, size_t len_a, const void *b, size_t len_b)
{
	CHECK(len_a + len_b && len_a + len_b <= TAIL_BYTES);
	struct checksum c;
	checksum_begin(&c);
	checksum_add(&c, a, len_a);
	checksum_add(&c, b, len_b);
	return checksum_end(&c);
}

RC file_is_whole(struct fs *fs, int fd, const char *name, uint64_t bound, uint64_t counted,
		 struct err *e)
{
	struct fs_stat st;
	enum rc rc = fs_fstat(fs, fd, &st, e);
	if (rc != OK)
		return rc;
	if (st.kind != FS_FILE)
		return ERR(e, E_INVALID, "%s is not a regular file", name);
	char has[COMMAS_TEXT], had[COMMAS_TEXT], n[COMMAS_TEXT];
	number_text(st.size_bytes, has);
	if (counted > st.size_bytes)
		return ERR(e, E_CHANGED, "%s changed before byte %s, which is already counted: it has "
			   "%s bytes now", name, number_text(counted, n), has);
	if (bound > st.size_bytes)
		return ERR(e, E_CHANGED, "%s changed: it has %s bytes now, and had %s when the job began",
			   name, has, number_text(bound, had));
	return OK;
}

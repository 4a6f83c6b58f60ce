/* manifest_clone.c - a manifest of one's own, for who outlives the one it has: encoded and decoded,
 * so that it holds exactly what a file would. */
#include "checkpoint/manifest.h"

RC manifest_clone(struct manifest *to, const struct manifest *from, struct mem *mem, struct err *e)
{
	struct bytes text;
	bytes_init(&text, mem);
	manifest_init(to, mem);
	/* (encode notes how large it became, no more.) */
	enum rc rc = manifest_encode((struct manifest *)from, &text, e);
	if (rc == OK)
		rc = manifest_decode(to, mem, from->slot, text.data, text.len, e);
	bytes_close(&text);
	return rc;
}

/* remote_names.c - see remote_names.h. */
#include "cli/remote_names.h"

#include "cli/scan.h"

#define NAMES_MAX 20000 /* by feel: twice the jobs a catalogue is measured with */

void names_close(struct names *l, struct mem *mem)
{
	client_reply_close(&l->reply);
	mem_put(mem, l->text);
	mem_put(mem, l->at);
	*l = (struct names){0};
}

static void names_read(struct names *l, size_t room)
{
	struct scan s = scan_of(bytes_text(&l->reply.body), l->reply.body.len);
	struct slice key;
	if (!scan_object(&s))
		return;
	while (scan_member(&s, &key)) {
		if (!slice_is(key, "jobs") || !scan_array(&s)) {
			scan_value(&s);
			continue;
		}
		while (scan_item(&s) && scan_object(&s))
			while (scan_member(&s, &key)) {
				struct slice v = scan_value(&s);
				if (!slice_is(key, "name") || l->n == room)
					continue;
				slice_text(v, l->text[l->n], sizeof l->text[0]);
				l->at[l->n] = l->text[l->n];
				l->n++;
			}
	}
}

RC names_get(struct names *l, struct remote *r, struct err *e)
{
	struct mem *mem = r->cli->env->mem;
	*l = (struct names){0};
	if (remote_get(r, "/v1/jobs", &l->reply, e) != OK)
		goto fail;
	/* A job has more than 32 bytes in the list. */
	size_t room = l->reply.body.len / 32 + 1;
	if (room > NAMES_MAX)
		room = NAMES_MAX;
	l->text = mem_get(mem, room * sizeof l->text[0]);
	l->at = mem_get(mem, room * sizeof l->at[0]);
	if (!l->text || !l->at) {
		err_set(e, E_NO_MEMORY, "no memory for the names of the jobs");
		goto fail;
	}
	names_read(l, room);
	return OK;
fail:
	names_close(l, mem);
	return e->code;
}

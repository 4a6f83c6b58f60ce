/* gone.c - see gone.h. */
#include "jobs/gone.h"

#include "base/json.h"

void gone_open(struct gone *g, struct mem *mem, uint32_t most)
{
	*g = (struct gone){.most = most};
	bytes_init(&g->list, mem);
}

void gone_hear(void *arg, const char *path, uint64_t size_bytes, const char *why)
{
	struct gone *g = arg;
	struct json_out o;
	g->bytes += size_bytes;
	if (g->files++ >= g->most && g->most)
		return;
	if (g->list.len)
		bytes_put_u8(&g->list, ',');
	jout_begin(&o, &g->list, false);
	jout_object(&o);
	jout_kv_string(&o, "path", path);
	jout_kv_uint(&o, "bytes", size_bytes);
	jout_kv_string(&o, "why", why);
	jout_object_end(&o);
}

void gone_write(struct gone *g, bool dry_run, struct bytes *to)
{
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_bool(&o, "dry_run", dry_run);
	jout_kv_uint(&o, "files", g->files);
	jout_kv_uint(&o, "bytes", g->bytes);
	jout_key(&o, "removed");
	jout_raw(&o, "[", 1);
	bytes_put(to, g->list.data, g->list.len);
	bytes_put_u8(to, ']');
	jout_object_end(&o);
	to->failed |= g->list.failed;
}

void gone_close(struct gone *g)
{
	bytes_close(&g->list);
	*g = (struct gone){0};
}

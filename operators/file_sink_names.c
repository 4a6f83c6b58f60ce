/* file_sink_names.c - names of a file sink's files, which are never used twice (inv 11). */
#include "operators/file_sink.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>

char *file_sink_pending_dir(const struct file_sink_conf *c, const struct op_ctx *ctx)
{
	char dir[PATH_TEXT_MAX];
	int n = snprintf(dir, sizeof dir, "%s/%s/%s", c->folder, PENDING_DIR, ctx->uuid);
	CHECK(n > 0 && (size_t)n < sizeof dir);
	return mem_string(ctx->mem, dir);
}

/* The stage stands in it for people; only the numbers make it unique. */
char *file_sink_pending(const struct file_sink_conf *c, const struct op_ctx *ctx, uint64_t number)
{
	char path[PATH_TEXT_MAX], stage[65];
	size_t i = 0;
	for (; ctx->stage[i] && i < sizeof stage - 1; i++)
		stage[i] = ctx->stage[i] == '/' ? '_' : ctx->stage[i];
	stage[i] = '\0';
	int n = snprintf(path, sizeof path, "%s/%s/%s/%" PRIu64 "-%" PRIu64 "-%s-%" PRIu32 "-%" PRIu64
			 ".%s", c->folder, PENDING_DIR, ctx->uuid, ctx->epoch, ctx->attempt, stage,
			 ctx->subtask, number, c->format->ext);
	CHECK(n > 0 && (size_t)n < sizeof path);
	return mem_string(ctx->mem, path);
}

char *file_sink_final(const struct file_sink_conf *c, const struct op_ctx *ctx, uint64_t checkpoint,
		      uint32_t part)
{
	char path[PATH_TEXT_MAX];
	if (c->single)
		return mem_string(ctx->mem, c->path);
	int n = snprintf(path, sizeof path,
			 "%s/part-%08" PRIx32 "-%020" PRIu64 "-%" PRIu64 "-%" PRIu32 "-%" PRIu32 ".%s",
			 c->path, ctx->lineage, checkpoint, ctx->epoch, ctx->subtask, part,
			 c->format->ext);
	CHECK(n > 0 && (size_t)n < sizeof path);
	return mem_string(ctx->mem, path);
}

const char *file_sink_pending_tail(const char *path)
{
	const char *tail = path;
	for (const char *at = path; (at = strstr(at, "/" PENDING_DIR "/")); at++)
		tail = at;
	return tail;
}

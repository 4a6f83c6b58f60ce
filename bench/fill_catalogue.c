/* fill_catalogue.c - writes N finished jobs into a server's catalogue, for bench/serve.py: as the
 * server itself would have, but without running them. */
#include "server/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char job[] =
	"{ \"name\": \"j%05u\", \"checkpoint\": { \"interval\": \"1s\" }, \"pipeline\": [\n"
	"  { \"id\": \"gen\", \"type\": \"generator_source\", \"rows\": 1000,\n"
	"    \"fields\": { \"k\": \"i %% 100\" } },\n"
	"  { \"id\": \"count\", \"type\": \"keyed_sum\", \"key\": \"k\", \"as\": \"n\" },\n"
	"  { \"id\": \"out\", \"type\": \"file_sink\", \"path\": \"/tmp/counts-%05u\" } ] }\n";

int main(int argc, char **argv)
{
	struct mem mem;
	struct fs_real fs;
	struct rng rng = {0};
	struct err e = {0};
	struct catalogue *c;
	if (argc != 3)
		return 2;
	mem_init(&mem, 0);
	fs_real_init(&fs, &mem);
	struct env env = {.clock = clock_real(), .fs = &fs.fs, .mem = &mem, .rng = &rng};
	if (catalogue_open(&c, &env, argv[1], (uint64_t)getpid(), NULL, NULL, &e) != OK)
		goto fail;
	for (unsigned i = 0; i < (unsigned)atoi(argv[2]); i++) {
		char text[2048];
		uint64_t version = 0;
		struct entry en = {.standing = STANDING_FINISHED, .job = text,
				   .submitted_wall_us = clock_wall_us(env.clock)};
		en.since_wall_us = en.submitted_wall_us;
		snprintf(en.name, sizeof en.name, "j%05u", i);
		snprintf(text, sizeof text, job, i, i);
		en.job_len = strlen(text);
		if (catalogue_put(c, &en, &version, &e) != OK)
			goto fail;
	}
	catalogue_close(c);
	return 0;
fail:
	fprintf(stderr, "%s\n", e.text);
	return 1;
}

/* disk_image.c - see disk_image.h. */
#include "tests/sim/disk_image.h"

#include <stdlib.h>

void image_add(struct image *im, struct world *w, const char *dir)
{
	struct fs_names names;
	struct err e = {0};
	if (fs_list(w->fs, dir, &names, &e) != OK)
		return;
	for (size_t i = 0; i < names.n; i++) {
		struct fs_stat st;
		uint8_t *text;
		WORLD_CHECK(w, im->n < IMAGE_FILES);
		size_t at = im->n++;
		snprintf(im->file[at].path, sizeof im->file[at].path, "%s/%s", dir, names.name[i]);
		WORLD_CHECK(w, fs_stat(w->fs, im->file[at].path, &st, &e) == OK);
		if (st.kind == FS_DIR) {
			image_add(im, w, im->file[at].path);
			continue;
		}
		WORLD_CHECK(w, fs_read_all(w->fs, im->file[at].path, 1 << 20, &text, &im->file[at].len,
					   &e) == OK);
		im->file[at].data = malloc(im->file[at].len + 1);
		memcpy(im->file[at].data, text, im->file[at].len);
		mem_put(&w->mem, text);
	}
	fs_names_close(&names);
}

void image_close(struct image *im)
{
	for (size_t i = 0; i < im->n; i++)
		free(im->file[i].data);
}

void image_put(const struct image *im, struct world *w)
{
	struct err e = {0};
	for (size_t i = 0; i < im->n; i++) {
		char folder[224];
		if (!im->file[i].data) {
			WORLD_CHECK(w, fs_mkdir_all(w->fs, im->file[i].path, &e) == OK);
			continue;
		}
		fs_dirname(im->file[i].path, folder, sizeof folder);
		WORLD_CHECK(w, fs_mkdir_all(w->fs, folder, &e) == OK);
		WORLD_CHECK(w, fs_write_new(w->fs, im->file[i].path, im->file[i].data, im->file[i].len,
					    &e) == OK);
	}
}

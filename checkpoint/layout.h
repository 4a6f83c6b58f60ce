/* layout.h - the names in a job's directory, and what can be read back from them.
 * Why one place: no name is ever reused (inv 11), and a sweep decides by what a name carries.
 *   <dir>/manifest/<slot, 20 digits>
 *   <dir>/manifest/tmp-<epoch, 20 digits>-<seq>
 *   <dir>/parts/<lineage, 8 hex>-<epoch>-<attempt>-<checkpoint, 20 digits>[-m<seq>].part
 * Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_NAME_MAX 95   /* bytes of a file name */
#define LAYOUT_PATH_MAX 4096 /* bytes of a path, its NUL included */

struct part_name {
	uint32_t lineage;
	uint32_t attempt;
	uint64_t epoch;
	uint64_t checkpoint_id; /* of a merge: the checkpoint whose runs it merges */
	uint32_t merge;         /* 0: not a merge; else its number within the attempt */
};

/* Each writes a NUL-terminated name without its folder. */
void layout_slot(char to[LAYOUT_NAME_MAX + 1], uint64_t slot);
void layout_temporary(char to[LAYOUT_NAME_MAX + 1], uint64_t epoch, uint64_t seq);
void layout_part(char to[LAYOUT_NAME_MAX + 1], const struct part_name *n);

/* False: not such a name, exactly as the functions above write it. */
bool layout_slot_parse(const char *name, uint64_t *slot);
bool layout_temporary_parse(const char *name, uint64_t *epoch, uint64_t *seq);
bool layout_part_parse(const char *name, struct part_name *n);

/* "<dir>/<folder>/<name>", or without folder when it is NULL. False when it does not fit. */
bool layout_path(char to[LAYOUT_PATH_MAX], const char *dir, const char *folder, const char *name);
#define LAYOUT_MANIFEST "manifest"
#define LAYOUT_PARTS "parts"

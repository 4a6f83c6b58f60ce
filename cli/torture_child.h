/* torture_child.h - a `weir run` that dies or fails where it is told to:
 *
 *     weir tortured PAGE FAULT run JOB.json ...
 *
 * starts verb_run on a file seam with the fault in it (base/fs_fault.h). Nothing else knows of it:
 * no option of a job or of `weir run` can bring a fault about. PAGE is a file both processes map,
 * so that its parent sees how far it was, however it died. */
#pragma once
#include "base/env.h"
#include "base/fs_fault.h"

#define TORTURED "tortured"
#define FAULT_TEXT 80

/* A fault as an argument, "die-after:rename:3:1:0", and back; false: it is none. Pure. */
const char *torture_fault_text(const struct fs_fault_plan *p, char to[FAULT_TEXT]);
bool torture_fault_read(struct fs_fault_plan *p, const char *text);

/* Maps the file path, which is made with `create`. NULL: e says why. It stays mapped. */
struct fs_fault_seen *torture_page(const char *path, bool create, struct err *e);

/* In the child: env's files go through *f from now on. args: PAGE, FAULT. */
RC torture_child_begin(struct fs_fault *f, struct env *env, char *const args[2], struct err *e);

/* log_file.h - a log that this process writes as its standard output and error, and that does not
 * grow without bound: over LOG_FILE_MAX it becomes <path>.1, and another begins.
 * Why beside the file seam: a log is no state, and what writes to it is descriptors 1 and 2. */
#pragma once

#define LOG_FILE_MAX (4u << 20) /* bytes, and as much again in the one before; by feel */

/* Cheap: asked after each thing that was written. Failing, it goes on with the file it has. */
void log_file_check(const char *path);

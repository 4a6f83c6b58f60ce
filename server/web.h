/* web.h - the page's files, which the binary carries (server/web/, embedded by cmake/web.cmake).
 * Why in the binary: one file to install, and the page always fits the server that it talks to.
 * Nothing secret is in them. Threads: any; everything is constant. */
#pragma once
#include <stddef.h>

struct web_file {
	const char *path;           /* "/" and "/ui/app.js": as it is asked for */
	const char *type;           /* its Content-Type */
	const char *etag;           /* in its quotes; of the content */
	const unsigned char *text;  /* as it is */
	size_t len;
	const unsigned char *gz;    /* the same, for who accepts gzip */
	size_t gz_len;
};

extern const struct web_file web_files[];
extern const size_t web_files_n;

/* Of exactly this path; NULL: there is none. */
const struct web_file *web_find(const char *path);

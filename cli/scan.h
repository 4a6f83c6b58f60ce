/* scan.h - a JSON text read once from left to right, without a tree: for lists of ten thousand jobs
 * in a few milliseconds (json.h indexes every value: 60 ns a byte).
 * Lenient: what is no JSON marks the scan failed, at the latest at its end; it is never read past.
 *
 *   if (scan_object(&s))
 *           while (scan_member(&s, &key))
 *                   value = scan_value(&s);     // or scan_object, scan_array
 *
 * Pure. Slices are borrowed from the text. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *at;
	size_t len;
};

#define SCAN_DEPTH_MAX 64

struct scan {
	const char *at, *end;
	bool failed;
};
struct scan scan_of(const char *text, size_t len);
/* Enters the object or array that comes next; false: it is something else. */
bool scan_object(struct scan *s);
bool scan_array(struct scan *s);
/* Goes to the next member's value, or leaves the object. The key as it is written, no quotes. */
bool scan_member(struct scan *s, struct slice *key);
/* Goes to the next element, or leaves the array. */
bool scan_item(struct scan *s);
/* The value that comes next, whole, as it is written. */
struct slice scan_value(struct scan *s);

bool slice_is(struct slice v, const char *text);
/* Of a whole number; absent: it is none. */
int64_t slice_int(struct slice v, int64_t absent);
/* Of a string, unescaped, NUL-terminated, cut at size - 1 bytes but within no character; its
 * length. A NUL in it becomes '?'. "" of anything else. */
size_t slice_text(struct slice v, char *to, size_t size);

/* secret_file.h - a file that holds a secret: a token, a key, a password.
 * Why its own way in: whoever else may read or write it knows the secret too, or sets it; and
 * nobody looks at a mode by himself. So one that is open to others is refused, with the command
 * that closes it. What counts is the file that was opened, not its name.
 * Threads: any. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"

/* Appends the whole of a regular file to `to`; at most max bytes. `what` is its part in messages
 * ("token file"). Links are followed: what they lead to must be sound. E_NOT_FOUND, E_PERMISSION:
 * it cannot be opened. E_INVALID: it is no regular file, belongs to another user, is open to others
 * (group or world may read or write), or is too long; the text says the cure. E_IO, E_NO_MEMORY. */
RC secret_file_read(struct bytes *to, const char *path, const char *what, size_t max,
		    struct err *e);

/* library.c - see library.h. */
#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

RC library_open(const char *soname, const char *package, const struct library_symbol *symbols,
		unsigned n, struct err *e)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return ERR(e, E_NOT_FOUND, "%s cannot be opened (Debian package %s): %s", soname, package,
			   dlerror());
	for (unsigned i = 0; i < n; i++) {
		void *at = dlsym(library, symbols[i].name);
		if (!at) {
			enum rc rc = ERR(e, E_NOT_FOUND, "%s has no function '%s': another version than "
					 "Debian 12's package %s", soname, symbols[i].name, package);
			dlclose(library);
			return rc;
		}
		memcpy(symbols[i].to, &at, sizeof at); /* ISO C has no cast from object to function */
	}
	return OK;
}

/* planted.c - which mistake this process makes (planted.h). Empty in every build but one. */
#include "base/planted.h"

#ifdef WEIR_PLANTED
#include <stdlib.h>
#include <string.h>

bool planted_is(const char *name)
{
	const char *plant = getenv("WEIR_PLANT");
	return plant && strcmp(plant, name) == 0;
}
#else
typedef int planted_nothing; /* C wants a declaration */
#endif

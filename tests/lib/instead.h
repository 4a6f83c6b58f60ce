/* instead.h - a function that stands in the place of `name`, by the linker's --wrap (CMakeLists.txt
 * beside the test). The linker would take any: that it is of the same type is asked here. */
#pragma once

#define INSTEAD(type, name, ...)                                                                   \
	type __wrap_##name(__VA_ARGS__);                                                           \
	_Static_assert(__builtin_types_compatible_p(__typeof__(&(name)),                           \
						    __typeof__(&__wrap_##name)),                   \
		       #name " has other arguments now");                                          \
	type __wrap_##name(__VA_ARGS__)

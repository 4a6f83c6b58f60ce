# How weir is compiled: C17 with GNU extensions, every warning an error, plain x86-64 (faster
# kernels are chosen at run time), nothing exported (libpg_query exports generic symbols; ours must
# not meet them).
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3 -g1")
set(WEIR_DEBUG_INFO -g CACHE STRING "of a debug build; -g1: lines only, a fifth faster to build")
set(CMAKE_C_FLAGS_DEBUG "-O1 ${WEIR_DEBUG_INFO}")
set(WEIR_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=")
add_compile_definitions(_GNU_SOURCE XXH_INLINE_ALL)
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wvla -Wpointer-arith -Wno-missing-field-initializers
                    -Wno-format-truncation -fno-strict-aliasing -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang") # only to fuzz: gcc's word is the one that counts
  add_compile_options(-Wno-unknown-warning-option -Wno-bitwise-instead-of-logical
                      "SHELL:-include ${CMAKE_SOURCE_DIR}/tests/fuzz/clang.h")
endif()
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WEIR_SANITIZE})
  find_program(WEIR_GOLD ld.gold) # of binutils: these programs are large, and it is twice as fast
  if(WEIR_GOLD)
    add_link_options(-fuse-ld=gold)
  endif()
endif()
option(WEIR_PLANTED "mistakes that one can choose, for the proof alone (base/planted.h)")
if(WEIR_PLANTED)
  add_compile_definitions(WEIR_PLANTED)
endif()
include_directories(${CMAKE_SOURCE_DIR})

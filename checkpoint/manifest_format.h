/* manifest_format.h - the fixed places of a manifest, shared by its encoder and its decoder only.
 * Layout: docs/FORMAT.md, "Manifest". */
#pragma once

#define MANIFEST_VERSION 1
#define MANIFEST_BYTE_ORDER 0x0102
#define MANIFEST_HEADER 64

static const char manifest_magic[8] = {'W', 'E', 'I', 'R', 'M', 'A', 'N', 'I'};

#include "host/weights/build_id.h"

#include <link.h>

#include <cstdint>
#include <cstring>

// The library's own ELF header in memory: every linker defines it.
extern "C" __attribute__((visibility("hidden"))) const ElfW(Ehdr) __ehdr_start;

namespace nnapi::host {
namespace {

constexpr size_t padded(size_t bytes) { return (bytes + 3) / 4 * 4; }

std::span<const std::byte> build_id_among(const std::byte* notes, size_t bytes) {
  while (bytes >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes, sizeof note);
    const size_t name = padded(note.n_namesz), content = padded(note.n_descsz);
    if (sizeof note + name + content > bytes) break;
    const std::byte* after = notes + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(after, "GNU", 4) == 0)
      return {after + name, note.n_descsz};
    notes = after + name + content;
    bytes -= sizeof note + name + content;
  }
  return {};
}

}  // namespace

std::span<const std::byte> build_id() {
  static const std::span<const std::byte> id = [] {
    // The first segment is loaded from the file's start, at address 0 of the library's own
    // addresses.
    const auto* start = reinterpret_cast<const std::byte*>(&__ehdr_start);
    const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(start + __ehdr_start.e_phoff);
    for (const ElfW(Phdr) & part : std::span(headers, __ehdr_start.e_phnum)) {
      if (part.p_type != PT_NOTE) continue;
      const auto found = build_id_among(start + part.p_vaddr, part.p_memsz);
      if (!found.empty()) return found;
    }
    return std::span<const std::byte>();
  }();
  return id;
}

}  // namespace nnapi::host

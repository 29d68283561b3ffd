#include "host/build_id.h"

#include <link.h>

#include <cstdint>
#include <cstring>

namespace nnapi::host {
namespace {

// Looks through the notes of the module that `marker` lies in.
struct Search {
  uintptr_t marker;
  std::span<const std::byte> found;
};

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

int look_into(dl_phdr_info* module, size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  bool is_ours = false;
  for (const ElfW(Phdr) & part : std::span(module->dlpi_phdr, module->dlpi_phnum)) {
    const uintptr_t start = module->dlpi_addr + part.p_vaddr;
    is_ours = is_ours || (part.p_type == PT_LOAD && search.marker >= start &&
                          search.marker < start + part.p_memsz);
  }
  if (!is_ours) return 0;
  for (const ElfW(Phdr) & part : std::span(module->dlpi_phdr, module->dlpi_phnum)) {
    if (part.p_type != PT_NOTE || !search.found.empty()) continue;
    const auto* notes = reinterpret_cast<const std::byte*>(module->dlpi_addr + part.p_vaddr);
    search.found = build_id_among(notes, part.p_memsz);
  }
  return 1;
}

}  // namespace

std::span<const std::byte> build_id() {
  static const std::span<const std::byte> id = [] {
    static const char marker = 0;
    Search search{reinterpret_cast<uintptr_t>(&marker), {}};
    dl_iterate_phdr(look_into, &search);
    return search.found;
  }();
  return id;
}

}  // namespace nnapi::host

#include "host/cache_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "host/hash.h"

namespace nnapi::host {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t round_up(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct Header {
  char magic[8] = {'N', 'N', 'A', 'P', 'I', 'h', 'c', '2'};
  uint64_t key = 0;
  uint64_t file_bytes = 0;
  uint64_t pieces = 0;
  uint64_t checksum = 0;  // of all that follows it, after all before it
  uint64_t unused[3] = {};
};
static_assert(sizeof(Header) == kAlignment);

struct Place {
  uint64_t offset, bytes;
};

void add_header(Hash& hash, const Header& header) { hash.add(&header, offsetof(Header, checksum)); }

// A file, mapped for as long as one of its pieces is in use.
class Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return;
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size >= static_cast<off_t>(sizeof(Header))) {
      void* data =
          mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
      if (data != MAP_FAILED) {
        data_ = static_cast<const char*>(data);
        bytes_ = static_cast<size_t>(status.st_size);
      }
    }
    close(file);
  }
  ~Mapping() {
    if (data_) munmap(const_cast<char*>(data_), bytes_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  const char* data_ = nullptr;
  size_t bytes_ = 0;
};

class Output {
 public:
  explicit Output(const std::string& path) : file_(std::fopen(path.c_str(), "wbe")) {}
  ~Output() {
    if (file_) std::fclose(file_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void put(const void* data, size_t bytes) {
    good_ = good_ && file_ && (bytes == 0 || std::fwrite(data, bytes, 1, file_) == 1);
    written_ += bytes;
  }
  // Zeros up to the next place where a piece may begin.
  void pad() {
    static constexpr char kZeros[kAlignment] = {};
    put(kZeros, round_up(written_) - written_);
  }
  bool close() {
    if (file_) good_ = std::fclose(file_) == 0 && good_;
    file_ = nullptr;
    return good_;
  }

 private:
  std::FILE* file_;
  bool good_ = true;
  size_t written_ = 0;
};

}  // namespace

std::optional<Pieces> read_cache_file(const std::string& path, uint64_t key) {
  const auto mapping = std::make_shared<const Mapping>(path);
  if (!mapping->data()) return std::nullopt;
  const Header wanted;
  Header header;
  std::memcpy(&header, mapping->data(), sizeof header);
  if (std::memcmp(header.magic, wanted.magic, sizeof header.magic) != 0 || header.key != key ||
      header.file_bytes != mapping->bytes() ||
      header.pieces > (mapping->bytes() - sizeof header) / sizeof(Place))
    return std::nullopt;
  Hash hash;
  add_header(hash, header);
  hash.add(mapping->data() + sizeof header, mapping->bytes() - sizeof header);
  if (hash.value() != header.checksum) return std::nullopt;
  Pieces pieces;
  for (uint64_t i = 0; i < header.pieces; ++i) {
    Place place;
    std::memcpy(&place, mapping->data() + sizeof header + i * sizeof place, sizeof place);
    if (place.offset % kAlignment != 0 || place.offset > mapping->bytes() ||
        place.bytes > mapping->bytes() - place.offset)
      return std::nullopt;
    pieces.push_back({PackedBytes(mapping, mapping->data() + place.offset), place.bytes});
  }
  return pieces;
}

void write_cache_file(const std::string& path, uint64_t key, const Pieces& pieces) {
  Header header;
  header.key = key;
  header.pieces = pieces.size();
  std::vector<Place> places;
  // Pieces that are shared are written once.
  std::map<const char*, Place> written_at;
  Pieces distinct;
  uint64_t end = round_up(sizeof header + pieces.size() * sizeof(Place));
  for (const auto& piece : pieces) {
    const auto [at, is_new] = written_at.try_emplace(piece.data.get(), Place{end, piece.bytes});
    places.push_back({at->second.offset, piece.bytes});
    if (!is_new && at->second.bytes == piece.bytes) continue;
    places.back().offset = end;
    distinct.push_back(piece);
    end = round_up(end + piece.bytes);
  }
  header.file_bytes = end;

  const std::string temporary = path + "." + std::to_string(getpid());
  {
    Output out(temporary);
    out.put(&header, sizeof header);
    out.put(places.data(), places.size() * sizeof(Place));
    out.pad();
    for (const auto& piece : distinct) {
      out.put(piece.data.get(), piece.bytes);
      out.pad();
    }
    if (!out.close()) {
      std::remove(temporary.c_str());
      return;
    }
  }
  // The checksum is that of the bytes as they are in the file.
  const Mapping written(temporary);
  bool good = written.bytes() == end;
  if (good) {
    Hash hash;
    add_header(hash, header);
    hash.add(written.data() + sizeof header, end - sizeof header);
    header.checksum = hash.value();
    const int file = open(temporary.c_str(), O_WRONLY | O_CLOEXEC);
    good = file >= 0 && pwrite(file, &header, sizeof header, 0) == sizeof header;
    if (file >= 0) good = ::close(file) == 0 && good;
  }
  if (!good || std::rename(temporary.c_str(), path.c_str()) != 0) std::remove(temporary.c_str());
}

}  // namespace nnapi::host

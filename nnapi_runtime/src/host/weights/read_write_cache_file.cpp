#include "host/weights/read_write_cache_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <memory>

#include "host/base/hash.h"
#include "host/weights/atomic_new_file.h"

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

// All of a file, mapped for as long as one of its pieces is in use.
class Mapping {
 public:
  Mapping(int file, size_t bytes) {
    void* data = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) return;
    data_ = static_cast<const char*>(data);
    bytes_ = bytes;
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

class Opened {
 public:
  explicit Opened(const std::string& path)
      : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)) {}
  ~Opened() {
    if (file_ >= 0) close(file_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int file() const { return file_; }

 private:
  const int file_;
};

// Its header, if that is of this key, and says as many bytes as the file has. Whoever writes a file
// does so before it has its name, so it has these bytes from now on.
bool read_header(int file, uint64_t key, Header* header) {
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (pread(file, header, sizeof *header, 0) != static_cast<ssize_t>(sizeof *header)) return false;
  const Header wanted;
  return std::memcmp(header->magic, wanted.magic, sizeof wanted.magic) == 0 && header->key == key &&
         header->file_bytes == static_cast<uint64_t>(status.st_size) &&
         header->pieces <= (header->file_bytes - sizeof *header) / sizeof(Place);
}

uint64_t checksum_of(const Header& header, const Mapping& mapping) {
  Hash hash;
  add_header(hash, header);
  hash.add(mapping.data() + sizeof header, mapping.bytes() - sizeof header);
  return hash.value();
}

// Zeros up to the next place where a piece may begin.
bool pad(NewFile& out) {
  static constexpr char kZeros[kAlignment] = {};
  return out.put(kZeros, round_up(out.written()) - out.written());
}

}  // namespace

std::optional<Pieces> read_cache_file(const std::string& path, uint64_t key) {
  const Opened opened(path);
  Header header;
  if (!read_header(opened.file(), key, &header)) return std::nullopt;
  const auto mapping = std::make_shared<const Mapping>(opened.file(), header.file_bytes);
  if (!mapping->data() || checksum_of(header, *mapping) != header.checksum) return std::nullopt;
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

  NewFile out(path);
  bool good = out.put(&header, sizeof header) &&
              out.put(places.data(), places.size() * sizeof(Place)) && pad(out);
  for (const auto& piece : distinct)
    good = good && out.put(piece.data.get(), piece.bytes) && pad(out);
  if (!good || out.written() != end) return;
  // The checksum is that of the bytes as they are in the file, which only this thread knows.
  const Mapping written(out.descriptor(), end);
  if (!written.data()) return;
  header.checksum = checksum_of(header, written);
  if (!out.put_at(0, &header, sizeof header) || !out.take_place()) return;
  const size_t slash = path.rfind('/');
  remove_left_files(slash == std::string::npos ? "." : path.substr(0, slash + 1), kCacheSuffix);
}

}  // namespace nnapi::host

#include "host/kernels/row_fusion/row_chain.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "host/memory/scratch.h"
#include "host/threads/thread_pool.h"

namespace nnapi::host {
namespace {

constexpr int64_t kLotPixels =
    56;  // fewer: moves between stages would be felt; more: unequal bands

int64_t element_bytes(const Convolution& c) { return c.quantised() ? 1 : sizeof(float); }

int64_t lot_of(const Image& out) {
  return std::min(out.height, std::max<int64_t>(2, 1 + (kLotPixels - 1) / out.width));
}

ImageRows rows_of(const Convolution& c, const Image& image, void* data) {
  return {static_cast<char*>(data), image.width * image.channels * element_bytes(c)};
}

bool is_same(const Image& a, const Image& b) {
  return a.batch == b.batch && a.height == b.height && a.width == b.width &&
         a.channels == b.channels;
}

uint64_t now() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

}  // namespace

bool RowChain::fits(const RowProducer& first, const RowProducer& second) {
  const Convolution &a = first.convolution(), &b = second.convolution();
  return a.type == b.type && a.out_nchw == b.in_nchw && is_same(a.out, b.in);
}

RowChain::RowChain(std::vector<const RowProducer*> stages, int threads)
    : bands_(std::max(threads, 1)) {
  for (const RowProducer* stage : stages) {
    const Convolution& c = stage->convolution();
    stages_.push_back({stage, lot_of(c.out), rows_of(c, c.out, nullptr), 0});
  }
  size_t between = 0;
  for (size_t i = 0; i + 1 < stages_.size(); ++i) {
    const Convolution& reader = stages_[i + 1].stage->convolution();
    // What a lot of the reader sees, and what else the last lot of this stage brings along.
    const int64_t kept =
        (stages_[i + 1].lot - 1) * reader.y.stride + reader.y.extent() + stages_[i].lot - 1;
    Stage& stage = stages_[i];
    // Whole lots: none is cut in two by the ring's end.
    stage.rows.kept = (std::min(kept, reader.in.height) + stage.lot - 1) / stage.lot * stage.lot;
    stage.ring_bytes = static_cast<size_t>(stage.rows.kept * stage.rows.row_bytes + 63) / 64 * 64;
    band_bytes_ += stage.ring_bytes;
    between += static_cast<size_t>(reader.in.count() * element_bytes(reader));
  }
  // Rings take no more memory than what they stand for.
  bands_ = std::clamp<int64_t>(static_cast<int64_t>(between / band_bytes_), 1, bands_);
  const Convolution &first = stages.front()->convolution(), &last = stages.back()->convolution();
  in_ = {first.in, first.in_nchw, first.type, 1};
  out_ = {last.out, last.out_nchw, last.type, 1};
  ScratchCursor cursor;
  cursor.take<char>(band_bytes_ * static_cast<size_t>(bands_));
  if (!in_.needless()) cursor.take<char>(in_.bytes());
  if (!out_.needless()) cursor.take<char>(out_.bytes());
  scratch_bytes_ = cursor.bytes();
}

// Some rows of the last stage's output, and what leads to them.
class RowChain::Band {
 public:
  Band(const RowChain& chain, ImageRows input, ImageRows output, char* rings, bool timed)
      : chain_(chain), timed_(timed) {
    rows_[0] = input;
    const size_t last = chain.stages_.size() - 1;
    for (size_t i = 0; i < last; ++i) {
      rows_[i + 1] = chain.stages_[i].rows;
      rows_[i + 1].first = rings;
      rings += chain.stages_[i].ring_bytes;
    }
    rows_[last + 1] = output;
  }

  // Rows [begin, end) of image b; begin is where a lot begins.
  void compute(int64_t b, int64_t begin, int64_t end) {
    image_ = b;
    int64_t row = begin;
    for (size_t i = chain_.stages_.size(); i-- > 0;) {
      const Convolution& c = chain_.stages_[i].stage->convolution();
      next_[i] = row;
      row = std::max<int64_t>(0, row * c.y.stride - c.y.before);
      if (i > 0) {
        row = std::min(row, c.in.height);
        row -= row % chain_.stages_[i - 1].lot;
      }
    }
    advance(chain_.stages_.size() - 1, end);
  }

  const Profile& profile() const { return profile_; }

 private:
  // Computes stage i up to row `end`.
  void advance(size_t i, int64_t end) {
    const Stage& stage = chain_.stages_[i];
    const Convolution& c = stage.stage->convolution();
    while (next_[i] < end) {
      const int64_t begin = next_[i], lot_end = std::min(begin + stage.lot, c.out.height);
      next_[i] = lot_end;
      if (i > 0)
        advance(i - 1,
                std::min(c.in.height, (lot_end - 1) * c.y.stride - c.y.before + c.y.extent()));
      const uint64_t start = timed_ ? now() : 0;
      const int64_t first = image_ * c.out.height;
      stage.stage->compute_rows(rows_[i], rows_[i + 1], first + begin, first + lot_end);
      if (timed_) profile_[i] += now() - start;
    }
  }

  const RowChain& chain_;
  const bool timed_;
  int64_t image_ = 0;
  ImageRows rows_[kMaxProducers + 1];
  int64_t next_[kMaxProducers] = {};
  Profile profile_{};
};

void RowChain::run(const void* input, void* output, void* scratch, ThreadPool& pool,
                   Profile* profile) const {
  ScratchCursor cursor(scratch);
  char* rings = cursor.take<char>(band_bytes_ * static_cast<size_t>(bands_));
  if (!in_.needless()) {
    char* staged = cursor.take<char>(in_.bytes());
    in_.load(input, staged, pool);
    input = staged;
  }
  void* made = out_.needless() ? output : cursor.take<char>(out_.bytes());
  const Convolution& first = stages_.front().stage->convolution();
  const Convolution& last = stages_.back().stage->convolution();
  const ImageRows from = rows_of(first, first.in, const_cast<void*>(input));
  const ImageRows to = rows_of(last, last.out, made);

  const int64_t height = last.out.height, lot = stages_.back().lot;
  const int64_t lots = (height + lot - 1) / lot;  // of an image
  const int64_t bands = pool.size() > 1 ? bands_ : 1;
  const int64_t all = last.out.batch * lots, grain = (all + bands - 1) / bands;
  std::array<std::atomic<uint64_t>, kMaxProducers> times{};
  parallel_for(pool, all, grain, [&](int64_t begin, int64_t end) {
    const size_t number = static_cast<size_t>(begin / grain);
    Band band(*this, from, to, rings + number * band_bytes_, profile != nullptr);
    while (begin < end) {
      const int64_t b = begin / lots, until = std::min(end, (b + 1) * lots);
      band.compute(b, (begin - b * lots) * lot, std::min(height, (until - b * lots) * lot));
      begin = until;
    }
    if (profile)
      for (size_t i = 0; i < kMaxProducers; ++i) times[i] += band.profile()[i];
  });
  if (profile)
    for (size_t i = 0; i < kMaxProducers; ++i) (*profile)[i] = times[i];
  if (!out_.needless()) out_.store(made, output, pool);
}

}  // namespace nnapi::host

// Axis-aligned boxes.
#pragma once

#include <algorithm>
#include <cmath>

namespace nnapi::host::reference {

struct Box {
  float x1, y1, x2, y2;

  static Box at(const float* corners) { return {corners[0], corners[1], corners[2], corners[3]}; }
  float width() const { return x2 - x1; }
  float height() const { return y2 - y1; }
  // Also false if a corner is not a number.
  bool valid() const { return x1 <= x2 && y1 <= y2; }
};

// Intersection over union; NaN for two boxes without area.
inline float overlap(const Box& a, const Box& b) {
  const float width = std::max(std::min(a.x2, b.x2) - std::max(a.x1, b.x1), 0.0f);
  const float height = std::max(std::min(a.y2, b.y2) - std::max(a.y1, b.y1), 0.0f);
  const float both = width * height;
  return both / (a.width() * a.height() + b.width() * b.height() - both);
}

// Moves the centre by (dx, dy) box sizes, scales the size by (e^dw, e^dh), and clips what results
// to the image.
inline Box move(const Box& box, const float* deltas, float image_height, float image_width) {
  const float width = std::exp(deltas[2]) * box.width();
  const float height = std::exp(deltas[3]) * box.height();
  const float x = (box.x1 + box.x2) / 2 + deltas[0] * box.width();
  const float y = (box.y1 + box.y2) / 2 + deltas[1] * box.height();
  const auto clip = [](float value, float most) { return std::min(std::max(value, 0.0f), most); };
  return {clip(x - width / 2, image_width), clip(y - height / 2, image_height),
          clip(x + width / 2, image_width), clip(y + height / 2, image_height)};
}

}  // namespace nnapi::host::reference

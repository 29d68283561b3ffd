"""Feature levels by the versions of Android that came with them, or with an update of their NNAPI. Needs no torch."""

ANDROID_LEVELS = {
    "8.1": 27,
    "9": 28,
    "10": 29,
    "11": 30,
    "12": 31,
    "13": 1000006,
    "14": 1000007,
    "15": 1000008,
    "16": 1000008,
}

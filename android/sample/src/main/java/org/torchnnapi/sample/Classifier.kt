package org.torchnnapi.sample

import android.content.Context
import android.graphics.Bitmap
import org.torchnnapi.Binding
import org.torchnnapi.Session
import org.torchnnapi.SessionOptions

/** A class of a picture, and how sure the model is of it. */
data class Label(val name: String, val probability: Float)

/**
 * The model in the asset `model.nnapi`, which takes float32 of [1, 3, 224, 224] with ImageNet's means, and
 * gives [1, 1000]. Not for several threads at once.
 */
class Classifier(context: Context) : AutoCloseable {
    private val names: List<String> =
        context.assets.open("labels.txt").bufferedReader().useLines { it.toList() }

    private val session: Session =
        context.assets.openFd("model.nnapi").use { asset ->
            Session.load(
                asset.parcelFileDescriptor.fd,
                asset.startOffset,
                asset.length,
                SessionOptions().cacheDir(context.codeCacheDir),
            )
        }

    private val binding: Binding = session.bind()

    /** Which libraries run the model, and why it is not all on the phone's NNAPI. */
    val device: String
        get() = buildString {
            session.placement().groupingBy { it.library() }.eachCount()
                .forEach { (library, count) -> appendLine("$count operations on $library") }
            if (session.whyFallback().isNotEmpty()) append("Not all on NNAPI: ${session.whyFallback()}")
        }

    /** The five likeliest classes. Blocks: call it away from the main thread. */
    fun classify(picture: Bitmap): List<Label> {
        val square = Bitmap.createScaledBitmap(picture, SIZE, SIZE, true)
        val pixels = IntArray(SIZE * SIZE)
        square.getPixels(pixels, 0, SIZE, 0, 0, SIZE, SIZE)
        val planes = binding.inputs()[0].bytes().asFloatBuffer()
        for (channel in 0 until 3) {
            for (pixel in pixels) {
                val value = (pixel shr (16 - 8 * channel) and 0xFF) / 255f
                planes.put((value - MEAN[channel]) / DEVIATION[channel])
            }
        }
        binding.run()
        val scores = binding.outputs()[0].floats()
        val largest = scores.max()
        val weights = scores.map { kotlin.math.exp(it - largest) }
        val sum = weights.sum()
        return weights.indices.sortedByDescending { weights[it] }.take(5)
            .map { Label(names[it], weights[it] / sum) }
    }

    override fun close() {
        binding.close()
        session.close()
    }

    private companion object {
        const val SIZE = 224
        val MEAN = floatArrayOf(0.485f, 0.456f, 0.406f)
        val DEVIATION = floatArrayOf(0.229f, 0.224f, 0.225f)
    }
}

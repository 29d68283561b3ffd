package org.torchnnapi.sample

import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.graphics.BitmapFactory
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import kotlin.system.measureNanoTime

/** One picture in, its five likeliest classes out, with the time, the device, and why it is that one. */
class MainActivity : ComponentActivity() {
    private val scope = MainScope()
    private val turn = Mutex()
    private var classifier: Classifier? = null
    private lateinit var image: ImageView
    private lateinit var text: TextView

    private val chooser =
        registerForActivityResult(ActivityResultContracts.GetContent()) { picked ->
            if (picked != null) show(picked)
        }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        image = ImageView(this)
        text = TextView(this).apply { setPadding(32, 32, 32, 32) }
        val button = Button(this).apply {
            setText(R.string.choose)
            setOnClickListener { chooser.launch("image/*") }
        }
        setContentView(
            LinearLayout(this).apply {
                orientation = LinearLayout.VERTICAL
                addView(button)
                addView(image)
                addView(text)
            },
        )
    }

    private fun show(picked: Uri) {
        scope.launch {
            text.text = try {
                val picture = withContext(Dispatchers.IO) { decoded(picked) }
                image.setImageBitmap(picture)
                withContext(Dispatchers.Default) { turn.withLock { described(picture) } }
            } catch (error: Exception) {
                error.message ?: error.toString()
            }
        }
    }

    private fun described(picture: Bitmap): String {
        val model = classifier ?: Classifier(applicationContext).also { classifier = it }
        var labels: List<Label>
        val taken = measureNanoTime { labels = model.classify(picture) }
        return buildString {
            labels.forEach { appendLine("%5.1f %%  %s".format(100 * it.probability, it.name)) }
            appendLine("%.1f ms".format(taken / 1e6))
            append(model.device)
        }
    }

    private fun decoded(picked: Uri): Bitmap =
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.P) {
            ImageDecoder.decodeBitmap(ImageDecoder.createSource(contentResolver, picked)) { decoder, _, _ ->
                decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // whose pixels can be read
            }
        } else {
            contentResolver.openInputStream(picked).use { BitmapFactory.decodeStream(it) }
        }

    override fun onDestroy() {
        scope.cancel()
        classifier?.close()
        super.onDestroy()
    }
}
